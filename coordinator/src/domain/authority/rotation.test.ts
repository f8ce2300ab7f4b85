import { expect, test } from "vitest";
import {
  AWAY_MAX_MS,
  isStalled,
  isUpToDate,
  judgeRotation,
  type Rotation,
  type RotationNode,
  type RotationPhase,
  STALLED_MS,
} from "./rotation.ts";

const [OLD, NEW] = ["0".repeat(64), "1".repeat(64)];
const BOTH = [OLD, NEW];
const rotation = (phase: RotationPhase, more: Partial<Rotation> = {}): Rotation => ({
  ...{ phase, currentId: OLD, nextId: phase === "steady" ? null : NEW, revision: 3, phaseSinceMs: 0, startedAtMs: 0 },
  ...{ startedBy: "token:admin", leftBehind: [] },
  ...more,
});
const node = (name: string, report: RotationNode["report"], living = true): RotationNode => ({
  ...{ id: name, name, clusterId: "c", living, report },
});
const old = node("old", { trusted: [OLD], issuer: OLD });
const both = node("both", { trusted: BOTH, issuer: OLD });
const renewed = node("renewed", { trusted: BOTH, issuer: NEW });
const served = [{ name: "one", revision: 3 }];
const names = (of: readonly { readonly name: string }[]): string[] => of.map(({ name }) => name);
const judged = (phase: RotationPhase, nodes: RotationNode[], nowMs = 1, more: Partial<Rotation> = {}) =>
  judgeRotation(rotation(phase, more), nodes, served, nowMs);

test("nothing is issued by the new authority before every living node trusts it", () => {
  expect(judged("trusting", [both, old])).toMatchObject({ next: null, blockers: [{ name: "old", kind: "node" }] });
  expect(judged("trusting", [both, renewed])).toMatchObject({ next: "issuing", trusting: 2, using: 1 });
});

test("no coordinator shows the new authority before every living node has a certificate of it", () => {
  expect(judged("issuing", [both, renewed])).toMatchObject({ next: null, blockers: [{ name: "both" }] });
  expect(judged("issuing", [renewed])).toMatchObject({ next: "closing", mustEnrolAgain: [] });
  // A certificate of an authority that its node does not trust would be of no use to it.
  const odd = node("odd", { trusted: [OLD], issuer: NEW });
  expect(judged("issuing", [odd]).next).toBe(null);
});

test("the old authority is dropped once every coordinator shows the new one, and what that costs is said before", () => {
  const behind = [...served, { name: "two", revision: 2 }];
  const waiting = judgeRotation(rotation("closing"), [renewed, both], behind, 1);
  expect(waiting).toMatchObject({ next: null, blockers: [{ kind: "coordinator", name: "two" }] });
  expect(names(waiting.mustEnrolAgain)).toEqual(["both"]);
  expect(judgeRotation(rotation("closing"), [renewed, both], served, 1).next).toBe("steady");
});

test("a coordinator that has not taken up a phase holds every one of them up", () => {
  for (const phase of ["trusting", "issuing", "closing"] as const) {
    const verdict = judgeRotation(rotation(phase), [renewed], [{ name: "two", revision: 2 }], 1);
    expect([verdict.next, names(verdict.blockers)]).toEqual([null, ["two"]]);
  }
});

test("a node that is away is waited for until seven days are over, one that knows of no rotation until it is left behind", () => {
  const away = node("away", { trusted: [OLD], issuer: OLD }, false);
  expect(judged("trusting", [away], AWAY_MAX_MS - 1).blockers[0]?.reason).toMatch(/is away.*until 1970-01-08T/);
  expect(judged("trusting", [away], AWAY_MAX_MS)).toMatchObject({
    next: "issuing",
    mustEnrolAgain: [{ name: "away" }],
  });
  const silent = node("silent", null);
  expect(judged("trusting", [silent], AWAY_MAX_MS).blockers[0]?.reason).toMatch(/knows of no rotation: update/);
  expect(judged("trusting", [silent], 1, { leftBehind: ["silent"] }).next).toBe("issuing");
});

test("a node is asked for a renewal as long as it trusts others, or has a certificate of another, than it should", () => {
  const upToDate = (phase: RotationPhase, { report }: RotationNode, more: Partial<Rotation> = {}): boolean =>
    isUpToDate(rotation(phase, more), report);
  expect([upToDate("steady", old), upToDate("trusting", old), upToDate("trusting", both)]).toEqual([true, false, true]);
  expect([upToDate("issuing", both), upToDate("issuing", renewed), upToDate("closing", renewed)]).toEqual([
    ...[false, true, true],
  ]);
  // The old authority is dropped: it is to be trusted no more.
  const after = { currentId: NEW };
  expect(upToDate("steady", renewed, after)).toBe(false);
  expect(upToDate("steady", node("n", { trusted: [NEW], issuer: NEW }), after)).toBe(true);
  expect(isUpToDate(rotation("steady"), null)).toBe(false);
});

test("a rotation stands still when one phase takes an hour, and where there is none nothing does", () => {
  expect([isStalled(rotation("trusting"), STALLED_MS - 1), isStalled(rotation("trusting"), STALLED_MS)]).toEqual([
    ...[false, true],
  ]);
  expect(isStalled(rotation("steady"), STALLED_MS * 9)).toBe(false);
});
