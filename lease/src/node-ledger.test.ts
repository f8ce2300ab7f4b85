import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LEASE_PROFILES, waitMs } from "./lease-policy.ts";
import type { MembershipHistory } from "./membership.ts";
import {
  due,
  heartbeatArrived,
  introduced,
  type LedgerHeartbeat,
  ledgerAtTermStart,
  type NodeLedger,
  nextDueMs,
} from "./node-ledger.ts";

const POLICY = LEASE_PROFILES.fast;
const HISTORY: MembershipHistory = [{ epoch: 1, voters: [], policy: POLICY }];
const GRACE_MS = 8_000;

const beat = (incarnation: string, sequence: number, lastAckSeen: number): LedgerHeartbeat => ({
  incarnation,
  sequence: BigInt(sequence),
  lastAckSeen: BigInt(lastAckSeen),
  heldForMs: 0,
  remainingMs: 0,
  membershipEpoch: 1,
  elapsedMs: null,
});

type Step =
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "beat"; readonly run: string; readonly sequence: number; readonly lastAckSeen: number }
  | { readonly do: "hello"; readonly run: string }
  | { readonly do: "decide" | "declare" | "fail" | "look" };

const run = fc.constantFrom("one", "two");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.nat(2_500) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("beat" as const), run, sequence: fc.nat(40), lastAckSeen: fc.nat(40) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("hello" as const), run }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("look" as const, "decide" as const, "declare" as const, "fail" as const),
    }),
  },
);

type Told = { nowMs: number; ackedMs: number | null; acks: Map<string, bigint[]>; ledger: NodeLedger };

/** Plays steps; `each` looks at the ledger after every one of them. */
function play(steps: readonly Step[], each: (told: Told, before: NodeLedger, one: Step) => void): Told {
  const told: Told = { nowMs: 0, ackedMs: null, acks: new Map(), ledger: ledgerAtTermStart(0, false, HISTORY) };
  for (const one of steps) {
    const before = told.ledger;
    if (one.do === "pass") told.nowMs += one.ms;
    else if (one.do === "hello") told.ledger = introduced(told.ledger, one.run, told.nowMs);
    else if (one.do === "beat") {
      const { run: incarnation, sequence, lastAckSeen } = one;
      const heartbeat = beat(incarnation, sequence, lastAckSeen);
      const outcome = heartbeatArrived(told.ledger, heartbeat, HISTORY, told.nowMs);
      told.ledger = outcome.ledger;
      if (outcome.acknowledge) {
        told.ackedMs = told.nowMs;
        told.acks.set(incarnation, [...(told.acks.get(incarnation) ?? []), heartbeat.sequence]);
      }
    } else {
      const what = due(told.ledger, HISTORY, GRACE_MS, told.nowMs);
      const { phase } = told.ledger;
      if (one.do === "look" && what === "silent") told.ledger = { ...told.ledger, phase: "silent" };
      if (one.do === "decide" && what === "wait_over") told.ledger = { ...told.ledger, phase: "deciding" };
      if (one.do === "declare" && phase === "deciding")
        told.ledger = { ...told.ledger, phase: "dead", incarnation: null };
      if (one.do === "fail" && phase === "deciding") told.ledger = { ...told.ledger, phase: "silent" };
    }
    each(told, before, one);
  }
  return told;
}

const steps = fc.array(step, { maxLength: 80 });

describe("the leader's account of a node", () => {
  test("W is over only so long after the last acknowledgement, whoever says hello in between", () => {
    fc.assert(
      fc.property(steps, (all) => {
        play(all, ({ ledger, nowMs, ackedMs }) => {
          if (due(ledger, HISTORY, GRACE_MS, nowMs) !== "wait_over") return;
          expect(nowMs - (ackedMs ?? 0)).toBeGreaterThanOrEqual(waitMs(POLICY));
        });
      }),
      { numRuns: 500 },
    );
  });

  test("a new run of the agent moves neither the end of W nor what is due", () => {
    fc.assert(
      fc.property(steps, (all) => {
        play(all, ({ ledger, nowMs }, before, one) => {
          if (one.do !== "hello" || before.phase === "dead") return;
          expect(ledger.countsFromMs).toBe(before.countsFromMs);
          expect(nextDueMs(ledger, HISTORY, GRACE_MS, nowMs)).toBe(nextDueMs(before, HISTORY, GRACE_MS, nowMs));
          expect(due(ledger, HISTORY, GRACE_MS, nowMs)).toBe(due(before, HISTORY, GRACE_MS, nowMs));
        });
      }),
      { numRuns: 300 },
    );
  });

  test("acknowledges only rising sequences of the run that is served, and nothing while deciding or dead", () => {
    fc.assert(
      fc.property(steps, (all) => {
        let previous: bigint | null = null;
        play(all, ({ ledger, acks, nowMs }, before, one) => {
          if (one.do === "hello") previous = null;
          if (one.do !== "beat") return;
          const acked =
            acks.get(one.run)?.at(-1) === BigInt(one.sequence) && ledger !== before && ledger.countsFromMs !== -1;
          const outcome = heartbeatArrived(before, beat(one.run, one.sequence, one.lastAckSeen), HISTORY, nowMs);
          if (!outcome.acknowledge) return;
          expect(acked).toBe(true);
          expect(before.incarnation).toBe(one.run);
          expect(["live", "silent"]).toContain(before.phase);
          if (previous !== null) expect(BigInt(one.sequence)).toBeGreaterThan(previous);
          previous = BigInt(one.sequence);
        });
      }),
      { numRuns: 500 },
    );
  });

  test("the next moment at which something is due is exactly that", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { ledger, nowMs } = play(all, () => {});
        const next = nextDueMs(ledger, HISTORY, GRACE_MS, nowMs);
        if (next === null) {
          expect(due(ledger, HISTORY, GRACE_MS, Number.MAX_SAFE_INTEGER)).toBeNull();
          return;
        }
        expect(due(ledger, HISTORY, GRACE_MS, next)).not.toBeNull();
        if (next - 1 >= ledger.countsFromMs) expect(due(ledger, HISTORY, GRACE_MS, next - 1)).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  test("a node whose heartbeats are acknowledged and whose agent sees that is never silent nor declared dead", () => {
    const delays = fc.array(fc.nat(POLICY.intervalMs), { minLength: 50, maxLength: 200 });
    fc.assert(
      fc.property(delays, fc.integer({ min: 0, max: 5 }), (late, ackLag) => {
        let ledger = introduced(ledgerAtTermStart(0, false, HISTORY), "one", 0);
        late.forEach((delayMs, index) => {
          const nowMs = index * POLICY.intervalMs + delayMs;
          expect(due(ledger, HISTORY, GRACE_MS, nowMs)).toBeNull();
          const heartbeat = beat("one", index + 1, Math.max(0, index - ackLag));
          const outcome = heartbeatArrived(ledger, heartbeat, HISTORY, nowMs);
          expect(outcome.acknowledge).toBe(true);
          ledger = outcome.ledger;
        });
      }),
    );
  });

  test("when no acknowledgement arrives for 2 L, none is given any more, and W runs from the last one", () => {
    let ledger = introduced(ledgerAtTermStart(0, false, HISTORY), "one", 0);
    let lastAckedMs = 0;
    let sequence = 0;
    for (let nowMs = 0; nowMs < 30_000; nowMs += POLICY.intervalMs) {
      sequence += 1;
      const outcome = heartbeatArrived(ledger, beat("one", sequence, 0), HISTORY, nowMs);
      ledger = outcome.ledger;
      if (outcome.acknowledge) lastAckedMs = nowMs;
      const what = due(ledger, HISTORY, GRACE_MS, nowMs);
      if (what === "silent") ledger = { ...ledger, phase: "silent" };
      if (what !== "wait_over") continue;
      expect(lastAckedMs).toBe(2 * POLICY.leaseMs);
      expect(nowMs).toBeGreaterThanOrEqual(lastAckedMs + waitMs(POLICY));
      expect(nowMs).toBeLessThan(lastAckedMs + waitMs(POLICY) + POLICY.intervalMs);
      return;
    }
    expect.fail("W never ended");
  });

  test("an acknowledgement that arrives late is enough to go on", () => {
    let ledger = introduced(ledgerAtTermStart(0, false, HISTORY), "one", 0);
    ledger = heartbeatArrived(ledger, beat("one", 1, 0), HISTORY, 0).ledger;
    const lateMs = 2 * POLICY.leaseMs + 1;
    expect(heartbeatArrived(ledger, beat("one", 2, 0), HISTORY, lateMs).acknowledge).toBe(false);
    expect(heartbeatArrived(ledger, beat("one", 2, 1), HISTORY, lateMs).acknowledge).toBe(true);
  });

  test("is silent first, then W is over; a node that is heard in between is back", () => {
    let ledger = introduced(ledgerAtTermStart(0, false, HISTORY), "one", 0);
    ledger = heartbeatArrived(ledger, beat("one", 1, 0), HISTORY, 0).ledger;
    expect(due(ledger, HISTORY, GRACE_MS, POLICY.unhealthyMs - 1)).toBeNull();
    expect(due(ledger, HISTORY, GRACE_MS, POLICY.unhealthyMs)).toBe("silent");
    ledger = { ...ledger, phase: "silent" };
    expect(due(ledger, HISTORY, GRACE_MS, waitMs(POLICY) - 1)).toBeNull();
    expect(due(ledger, HISTORY, GRACE_MS, waitMs(POLICY))).toBe("wait_over");
    const back = heartbeatArrived(ledger, beat("one", 2, 1), HISTORY, waitMs(POLICY) - 1);
    expect(back).toMatchObject({ acknowledge: true, back: true, ledger: { phase: "live" } });
  });

  test("a node that beats as slowly as an epoch asks that it has not left yet is not silent", () => {
    const slow = LEASE_PROFILES.default;
    const history: MembershipHistory = [
      { epoch: 1, voters: [], policy: slow },
      { epoch: 2, voters: [], policy: POLICY },
    ];
    let ledger = introduced(ledgerAtTermStart(0, false, history), "one", 0);
    ledger = heartbeatArrived(ledger, beat("one", 1, 0), history, 0).ledger;
    expect(POLICY.unhealthyMs).toBeLessThanOrEqual(slow.intervalMs);
    expect(due(ledger, history, GRACE_MS, slow.unhealthyMs - 1)).toBeNull();
    expect(nextDueMs(ledger, history, GRACE_MS, 0)).toBe(slow.unhealthyMs);
    expect(due(ledger, history, GRACE_MS, slow.unhealthyMs)).toBe("silent");
    ledger = heartbeatArrived(ledger, { ...beat("one", 2, 1), membershipEpoch: 2 }, history, 0).ledger;
    expect(due(ledger, history, GRACE_MS, POLICY.unhealthyMs)).toBe("silent");
  });

  test("a node that confirms an older epoch than before is asked about in that one again; an unknown one in all", () => {
    const history: MembershipHistory = [
      { epoch: 2, voters: [], policy: POLICY },
      { epoch: 3, voters: [], policy: POLICY },
      { epoch: 4, voters: [], policy: POLICY },
    ];
    let ledger = introduced(ledgerAtTermStart(0, false, history), "one", 0);
    const confirm = (sequence: number, membershipEpoch: number) => {
      const heartbeat = { ...beat("one", sequence, sequence - 1), membershipEpoch };
      ledger = heartbeatArrived(ledger, heartbeat, history, sequence * 100).ledger;
      return ledger.confirmedEpoch;
    };
    expect(confirm(1, 4)).toBe(4);
    expect(confirm(2, 3)).toBe(3);
    expect(confirm(3, 1)).toBeNull();
    expect(confirm(4, 4)).toBe(4);
  });

  test("W starts afresh with a term, and gives agents time to find the new leader", () => {
    const ledger = ledgerAtTermStart(50_000, false, HISTORY);
    expect(due(ledger, HISTORY, GRACE_MS, 50_000 + GRACE_MS - 1)).not.toBe("wait_over");
    expect(due(ledger, HISTORY, GRACE_MS, 50_000 + GRACE_MS)).toBe("wait_over");
    expect(nextDueMs(ledgerAtTermStart(50_000, true, HISTORY), HISTORY, GRACE_MS, 50_000)).toBeNull();
  });
});
