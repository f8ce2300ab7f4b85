import { describe, expect, test } from "vitest";
import { deathVerdict } from "./death-rule.ts";
import type { LeaseCoverage } from "./lease-coverage.ts";
import { LEASE_PROFILES, type LeasePolicy, waitMs } from "./lease-policy.ts";
import {
  type MembershipEpoch,
  type MembershipHistory,
  othersNeededToDeclare,
  othersNeededToSurvive,
  VOTERS_MAX,
  VOTERS_MIN,
} from "./membership.ts";
import { heartbeatArrived, introduced, ledgerAtTermStart } from "./node-ledger.ts";

const POLICY = LEASE_PROFILES.fast;
const W = waitMs(POLICY);
const voter = (nodeId: string) => ({ nodeId, nodeName: nodeId, peerAddress: `${nodeId}:7446` });
const epochOf = (epoch: number, ...ids: string[]): MembershipEpoch => ({
  epoch,
  voters: ids.map(voter),
  policy: POLICY,
});
const sizes = Array.from({ length: VOTERS_MAX - VOTERS_MIN + 1 }, (_, n) => n + VOTERS_MIN);

describe("the votes that let a node survive and those that let it be declared dead", () => {
  test.each(sizes)("of %i voters always have one in common, and neither is more than there are", (size) => {
    const set = epochOf(1, ...Array.from({ length: size }, (_, n) => `v${n}`));
    const declare = othersNeededToDeclare(set);
    for (const [node, others] of [
      ["v0", size - 1],
      ["somebody else", size],
    ] as const) {
      const survive = othersNeededToSurvive(set, node);
      expect(survive + declare).toBeGreaterThan(others);
      expect(survive).toBeLessThanOrEqual(others);
      expect(declare).toBeLessThanOrEqual(others);
      expect(survive).toBeGreaterThan(0);
    }
  });

  test("do not exist below two voters, nor where survival is off for the node's own part", () => {
    expect(othersNeededToSurvive(epochOf(1, "a"), "a")).toBe(Number.POSITIVE_INFINITY);
    expect(othersNeededToDeclare(epochOf(1, "a"))).toBe(Number.POSITIVE_INFINITY);
    const off = { ...epochOf(1, "a", "b", "c"), policy: { ...POLICY, survival: false } };
    expect(othersNeededToSurvive(off, "a")).toBe(Number.POSITIVE_INFINITY);
    expect(othersNeededToDeclare(off)).toBe(2);
  });
});

describe("a node that may still believe in an older set", () => {
  const old = epochOf(1, "x", "a");
  const present = epochOf(2, "x", "b", "c", "d");
  const history: MembershipHistory = [old, present];
  const held: LeaseCoverage = { fromMs: 0, untilMs: 100_000 };
  const heldBy =
    (...ids: string[]) =>
    (id: string) =>
      ids.includes(id) ? held : null;

  /** X was last acknowledged at 1,000, having confirmed that epoch. */
  const ledger = (membershipEpoch: number) =>
    heartbeatArrived(
      introduced(ledgerAtTermStart(0, false, history, 1), "run", 0),
      {
        ...{ incarnation: "run", sequence: 1n, lastAckSeen: 0n, heldForMs: 0, remainingMs: 0, elapsedMs: null },
        membershipEpoch,
      },
      history,
      1_000,
    ).ledger;

  test("is not declared dead while the old set could have let it survive, whatever the new one confirms", () => {
    const verdict = deathVerdict("x", ledger(1), history, heldBy("b", "c", "d"), 1_000 + W);
    expect(verdict).toMatchObject({
      kind: "majority_lost",
      epoch: 1,
      needed: 1,
      confirmed: 0,
      missing: [{ nodeId: "a" }],
    });
    expect(deathVerdict("x", ledger(1), history, heldBy("a", "b", "c"), 1_000 + W)).toEqual({ kind: "may" });
  });

  test("is not declared dead by the old set alone either, since it may have heard of the new one", () => {
    expect(deathVerdict("x", ledger(1), history, heldBy("a"), 1_000 + W)).toMatchObject({
      kind: "majority_lost",
      epoch: 2,
      needed: 2,
    });
  });

  test("that has confirmed the new set is judged by that one", () => {
    expect(deathVerdict("x", ledger(2), history, heldBy("b", "c"), 1_000 + W)).toEqual({ kind: "may" });
    expect(deathVerdict("x", ledger(2), history, heldBy("b", "c"), 999 + W)).toMatchObject({ kind: "wait" });
  });

  test("is held alive by a voter whose lease had a gap, or ended, within the last W", () => {
    const gap = (id: string): LeaseCoverage | null => (id === "b" ? { fromMs: 1_001, untilMs: 100_000 } : held);
    expect(deathVerdict("x", ledger(2), [old, epochOf(2, "x", "b")], gap, 1_000 + W).kind).toBe("majority_lost");
    const ended = (id: string): LeaseCoverage | null => (id === "b" ? { fromMs: 0, untilMs: 999 + W } : held);
    expect(deathVerdict("x", ledger(2), [old, epochOf(2, "x", "b")], ended, 1_000 + W).kind).toBe("majority_lost");
  });
});

describe("a node that may still believe in a set without votes", () => {
  const policy = (change: Partial<LeasePolicy>): LeasePolicy => ({ ...POLICY, ...change });
  const fenced: MembershipEpoch = { ...epochOf(1), policy: policy({ survival: false }) };
  const group = epochOf(2, "x", "a", "b");
  const held: LeaseCoverage = { fromMs: 0, untilMs: 1_000_000 };
  const allHeld = () => held;
  /** What is known of X, which was acknowledged last at 1,000, having confirmed that epoch; null: none. */
  const ledgerIn = (history: MembershipHistory, confirmedEpoch: number | null) =>
    confirmedEpoch === null
      ? introduced(ledgerAtTermStart(1_000, false, history), "run", 1_000)
      : heartbeatArrived(
          introduced(ledgerAtTermStart(0, false, history, confirmedEpoch), "run", 0),
          {
            ...{ incarnation: "run", sequence: 1n, lastAckSeen: 0n, heldForMs: 0, remainingMs: 0, elapsedMs: null },
            membershipEpoch: confirmedEpoch,
          },
          history,
          1_000,
        ).ledger;

  test.each([1, null])(
    "(of the first epoch, confirmed: %s) is declared dead by the majority of the present one",
    (at) => {
      const history: MembershipHistory = [fenced, group];
      const ledger = ledgerIn(history, at);
      expect(deathVerdict("x", ledger, history, allHeld, 1_000 + W)).toEqual({ kind: "may" });
      expect(deathVerdict("x", ledger, history, allHeld, 999 + W)).toMatchObject({ kind: "wait", untilMs: 1_000 + W });
      const onlyA = (id: string) => (id === "a" ? held : null);
      expect(deathVerdict("x", ledger, history, onlyA, 1_000 + W)).toMatchObject({
        kind: "majority_lost",
        epoch: 2,
        needed: 2,
        confirmed: 1,
        missing: [{ nodeId: "b" }],
      });
    },
  );

  test("waits for the longest of the epochs that it may believe in, also of one that is not asked", () => {
    const patient = { ...fenced, policy: { ...LEASE_PROFILES.patient, survival: false } };
    const history: MembershipHistory = [patient, group];
    const longW = waitMs(LEASE_PROFILES.patient);
    expect(deathVerdict("x", ledgerIn(history, 1), history, allHeld, 999 + longW).kind).toBe("wait");
    expect(deathVerdict("x", ledgerIn(history, 1), history, allHeld, 1_000 + longW).kind).toBe("may");
  });

  test("is never declared dead while nothing may fence it there", () => {
    const unfenced = { ...fenced, policy: policy({ survival: false, selfFencing: false }) };
    for (const confirmed of [1, null]) {
      const history: MembershipHistory = [unfenced, group];
      const verdict = deathVerdict("x", ledgerIn(history, confirmed), history, allHeld, 1_000_000);
      expect(verdict).toEqual({ kind: "wait", untilMs: Number.POSITIVE_INFINITY });
    }
  });

  test("is not declared dead by anybody in the present epoch, where that has no votes", () => {
    const old = epochOf(1, "x", "a", "b");
    const alone = { ...fenced, epoch: 2 };
    const history: MembershipHistory = [old, alone];
    const blocked = { kind: "majority_lost", epoch: 2, needed: Number.POSITIVE_INFINITY, confirmed: 0, missing: [] };
    for (const confirmed of [1, 2]) {
      expect(deathVerdict("x", ledgerIn(history, confirmed), history, allHeld, 1_000 + W)).toEqual(blocked);
    }
  });

  test("needs the majority of the present epoch also where survival is off in that", () => {
    const off = { ...group, policy: policy({ survival: false }) };
    const history: MembershipHistory = [fenced, off];
    expect(deathVerdict("x", ledgerIn(history, 1), history, () => null, 1_000 + W)).toMatchObject({
      kind: "majority_lost",
      epoch: 2,
    });
    expect(deathVerdict("x", ledgerIn(history, 2), history, () => null, 1_000 + W).kind).toBe("majority_lost");
  });

  test("is still held alive by the votes of a set between the two", () => {
    const between = epochOf(2, "x", "c");
    const present = epochOf(3, "x", "a", "b");
    const history: MembershipHistory = [fenced, between, present];
    const ofPresent = (id: string) => (id === "c" ? null : held);
    expect(deathVerdict("x", ledgerIn(history, 1), history, ofPresent, 1_000 + W)).toMatchObject({
      kind: "majority_lost",
      epoch: 2,
      missing: [{ nodeId: "c" }],
    });
    // Where survival is off in it nobody could have voted.
    const off: MembershipHistory = [fenced, { ...between, policy: policy({ survival: false }) }, present];
    expect(deathVerdict("x", ledgerIn(off, 1), off, ofPresent, 1_000 + W)).toEqual({ kind: "may" });
  });
});
