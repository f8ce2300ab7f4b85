import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import {
  HISTORY_MAX,
  type MembershipHistory,
  othersNeededToDeclare,
  othersNeededToSurvive,
  presentEpoch,
  VOTERS_MAX,
  VOTERS_MIN,
} from "@lormas/lease/membership.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type GroupNode, type GroupView, nextMembership, prunedHistory } from "./next-membership.ts";

const POLICY = LEASE_PROFILES.default;

const node = (name: string, change: Partial<GroupNode> = {}): GroupNode => ({
  nodeId: name,
  nodeName: name,
  peerAddress: `${name}:7444`,
  dead: false,
  sound: true,
  confirmed: true,
  proves: true,
  undecided: false,
  ...change,
});

/** Applies what is decided, as the runtime does; the history is not pruned. */
function step(history: MembershipHistory | null, own: GroupNode[], change: Partial<GroupView> = {}): MembershipHistory {
  const next = nextMembership({ policy: POLICY, history, own, borrowable: [], aloneForLong: false, ...change });
  if (!next) return history ?? expect.fail("a group with a node must have an epoch");
  const epoch = { epoch: history ? presentEpoch(history).epoch + 1 : 1, ...next };
  return history ? [...history, epoch] : [epoch];
}
const names = (history: MembershipHistory) => presentEpoch(history).voters.map(({ nodeName }) => nodeName);
const policyOf = (history: MembershipHistory) => presentEpoch(history).policy;

describe("who votes", () => {
  test("the first epoch has no voters and is fenced, until a second node votes", () => {
    const one = step(null, [node("a")]);
    expect(presentEpoch(one)).toMatchObject({ voters: [], policy: { selfFencing: true, survival: false } });
    expect(step(one, [node("a")])).toBe(one);
    const waiting = step(one, [node("a"), node("b", { confirmed: false })]);
    expect(waiting).toBe(one);
    const two = step(one, [node("a"), node("b")]);
    expect(names(two)).toEqual(["a", "b"]);
    expect(policyOf(two)).toMatchObject({ selfFencing: true, survival: true });
  });

  test("a node that has long been alone is not fenced, and stays so until there are voters", () => {
    const first = step(null, [node("a")]);
    const alone = step(first, [node("a")], { aloneForLong: true });
    expect(presentEpoch(alone)).toMatchObject({
      epoch: 2,
      voters: [],
      policy: { selfFencing: false, survival: false },
    });
    // A new leader has not seen it alone for long; a second node that never holds a lease takes nothing from the first.
    expect(step(alone, [node("a")])).toBe(alone);
    expect(step(alone, [node("a"), node("b", { confirmed: false })])).toBe(alone);
    expect(policyOf(step(alone, [node("a")], { policy: LEASE_PROFILES.fast }))).toMatchObject({
      profile: "fast",
      selfFencing: false,
    });
    const two = step(alone, [node("a"), node("b")]);
    expect(names(two)).toEqual(["a", "b"]);
    expect(policyOf(two)).toMatchObject({ selfFencing: true, survival: true });
  });

  test("only a node that is alone and heard is let off its fence", () => {
    const first = step(null, [node("a")]);
    const long = { aloneForLong: true };
    expect(step(first, [node("a", { confirmed: false })], long)).toBe(first);
    expect(step(first, [node("a"), node("b", { confirmed: false })], long)).toBe(first);
    expect(step(first, [node("a", { confirmed: false })], { ...long, borrowable: [node("x")] })).toBe(first);
    expect(policyOf(step(null, [node("a"), node("b")], long)).selfFencing).toBe(true);
  });

  test("a node that comes to voters who can prove a death joins once it can, too, and any other at once", () => {
    const two = step(step(null, [node("a")]), [node("a"), node("b")]);
    expect(names(two)).toEqual(["a", "b"]);
    const young = node("c", { proves: false });
    expect(step(two, [node("a"), node("b"), young])).toBe(two);
    expect(names(step(two, [node("a"), node("b"), node("c")]))).toEqual(["a", "b", "c"]);
    // Where the others prove nothing themselves it holds nobody up.
    expect(names(step(two, [node("a"), node("b", { proves: false }), young]))).toEqual(["a", "b", "c"]);
    expect(names(step(two, [node("a"), node("b", { dead: true }), young]))).toEqual(["a", "c"]);
  });

  test("voters that are there stay, and a cluster of more than nine gets nine", () => {
    const twenty = Array.from({ length: 20 }, (_, index) => node(`n${index + 10}`));
    const history = step(null, twenty);
    expect(names(history)).toHaveLength(VOTERS_MAX);
    expect(step(history, [...twenty].reverse())).toBe(history);
    const died = twenty.map((each) => (each.nodeName === "n10" ? { ...each, dead: true } : each));
    const after = step(history, died);
    expect(names(after)).toHaveLength(VOTERS_MAX);
    expect(names(after)).not.toContain("n10");
    expect(names(after).slice(0, 8)).toEqual(names(history).slice(1));
  });

  test("the dead leave together, once nobody else's death is due", () => {
    const all = ["a", "b", "c", "d", "e"].map((name) => node(name));
    const history = step(null, all);
    const first = all.map((each) => ({ ...each, dead: each.nodeName === "a", undecided: each.nodeName === "b" }));
    expect(step(history, first)).toBe(history);
    const both = all.map((each) => ({ ...each, dead: each.nodeName < "c" }));
    const after = step(history, both);
    expect(names(after)).toEqual(["c", "d", "e"]);
    expect(after).toHaveLength(2);
  });

  test("it never falls below two: a dead node stays a voter until somebody takes its place", () => {
    const history = step(null, [node("a"), node("b")]);
    const died = step(history, [node("a"), node("b", { dead: true })]);
    expect(died).toBe(history);
    const replaced = step(died, [node("a"), node("b", { dead: true }), node("c")]);
    expect(names(replaced)).toEqual(["a", "c"]);
    expect(policyOf(died).selfFencing).toBe(true);
  });

  test("a node without a guard, or with an unsound clock, makes room for one that can hold a lease", () => {
    const history = step(null, [node("a"), node("b"), node("c")]);
    expect(names(step(history, [node("a"), node("b"), node("c", { sound: false })]))).toEqual(["a", "b"]);
  });

  test("survival is off while a voter cannot be reached by its peers, or by setting", () => {
    const unreachable = step(null, [node("a"), node("b", { peerAddress: "" }), node("c")]);
    expect(policyOf(unreachable)).toMatchObject({ survival: false, selfFencing: true });
    const off = step(null, [node("a"), node("b")], { policy: { ...POLICY, survival: false } });
    expect(policyOf(off).survival).toBe(false);
    expect(policyOf(step(unreachable, [node("a"), node("b"), node("c")])).survival).toBe(true);
  });

  test("a change of policy makes an epoch, also while nodes are silent", () => {
    const history = step(null, [node("a"), node("b"), node("c")]);
    const silent = [node("a"), node("b"), node("c", { undecided: true, confirmed: false })];
    const changed = step(history, silent, { policy: LEASE_PROFILES.fast });
    expect(policyOf(changed).profile).toBe("fast");
    expect(names(changed)).toEqual(["a", "b", "c"]);
  });

  test("a cluster of one borrows its voters where it may fall back, and gives them back when it has two", () => {
    const borrowable = ["x", "y"].map((name) => node(name));
    const alone = step(null, [node("a")], { borrowable });
    expect(names(alone)).toEqual(["a", "x", "y"]);
    expect(policyOf(alone).selfFencing).toBe(true);
    const grown = step(alone, [node("a"), node("b")], { borrowable });
    expect(names(grown)).toEqual(["a", "b"]);
  });

  test("a group that shrinks to one node is fenced until it has long been alone", () => {
    const grouped = step(null, [node("a")], { borrowable: [node("x"), node("y")] });
    const shrunk = step(grouped, [node("a")]);
    expect(presentEpoch(shrunk)).toMatchObject({
      epoch: 2,
      voters: [],
      policy: { selfFencing: true, survival: false },
    });
    expect(policyOf(step(shrunk, [node("a")], { aloneForLong: true })).selfFencing).toBe(false);
    expect(names(step(shrunk, [node("a")], { borrowable: [node("x")] }))).toEqual(["a", "x"]);
  });

  test("while as many epochs are believed in as are kept, nothing changes", () => {
    let history = step(null, [node("a"), node("b")]);
    for (let round = 0; round < 2 * HISTORY_MAX; round++) {
      history = step(history, [node("a"), node("b")], { policy: { ...POLICY, killMs: 1_000 + round } });
    }
    expect(history).toHaveLength(HISTORY_MAX);
  });
});

describe("what is let go of", () => {
  const history = step(
    step(step(null, [node("a")]), [node("a"), node("b")]),
    ["a", "b", "c"].map((name) => node(name)),
  );
  const epochs = (kept: MembershipHistory) => kept.map(({ epoch }) => epoch);

  test("only what no live node may believe in, and whose waits are over", () => {
    const at = (confirmedEpoch: number | null, leaving = false) => ({ confirmedEpoch, leaving });
    expect(epochs(history)).toEqual([1, 2, 3]);
    expect(epochs(prunedHistory(history, [at(3), at(2)]))).toEqual([2, 3]);
    expect(epochs(prunedHistory(history, [at(3), at(3)]))).toEqual([3]);
    expect(epochs(prunedHistory(history, [at(3), at(3, true)]))).toEqual([1, 2, 3]);
    expect(epochs(prunedHistory(history, [at(3), at(null)]))).toEqual([1, 2, 3]);
    expect(epochs(prunedHistory(history, []))).toEqual([3]);
  });
});

const anyNode = fc.record({
  name: fc.constantFrom(..."abcdefghijkl"),
  dead: fc.boolean(),
  sound: fc.boolean(),
  confirmed: fc.boolean(),
  undecided: fc.boolean(),
  peerAddress: fc.constantFrom("", "host:1"),
});
const moment = fc.record({
  seen: fc.uniqueArray(anyNode, { selector: ({ name }) => name, minLength: 1, maxLength: 12 }),
  aloneForLong: fc.boolean(),
});
const fleets = fc.array(moment, { minLength: 1, maxLength: 20 });

test("whatever happens to nodes, a group that has had two voters keeps at least two while two nodes are enrolled, and every set's majorities meet", () => {
  fc.assert(
    fc.property(fleets, (moments) => {
      let history: MembershipHistory | null = null;
      // Nodes are enrolled for good; what varies is how they are.
      const known = new Map<string, GroupNode>();
      for (const { seen, aloneForLong } of moments) {
        for (const { name, ...change } of seen) known.set(name, node(name, change));
        const own = [...known.values()];
        const before: MembershipHistory | null = history;
        history = step(history, own, { aloneForLong });
        const { voters, policy, epoch } = presentEpoch(history);
        if (before && presentEpoch(before).voters.length >= VOTERS_MIN) {
          expect(voters.length).toBeGreaterThanOrEqual(VOTERS_MIN);
        }
        expect(voters.length === 0 || voters.length >= VOTERS_MIN).toBe(true);
        expect(voters.length).toBeLessThanOrEqual(VOTERS_MAX);
        expect(new Set(voters.map(({ nodeId }) => nodeId)).size).toBe(voters.length);
        if (voters.length >= VOTERS_MIN) expect(policy.selfFencing).toBe(true);
        const wasFenced = !before || presentEpoch(before).policy.selfFencing;
        if (wasFenced && !policy.selfFencing) expect(own.length === 1 && aloneForLong).toBe(true);
        if (before && before !== history) expect(epoch).toBeGreaterThan(presentEpoch(before).epoch);
        for (const membership of history) {
          if (membership.voters.length < VOTERS_MIN) continue;
          for (const { nodeId } of [...membership.voters, { nodeId: "stranger" }]) {
            const others = membership.voters.filter((voter) => voter.nodeId !== nodeId).length;
            const needed = Math.floor(membership.voters.length / 2) + (nodeId === "stranger" ? 1 : 0);
            expect(othersNeededToSurvive({ ...membership, policy: POLICY }, nodeId)).toBe(needed);
            // More than there are: a voter that proves the death is among those that would have to vote for survival.
            expect(needed + othersNeededToDeclare(membership)).toBeGreaterThan(others);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});
