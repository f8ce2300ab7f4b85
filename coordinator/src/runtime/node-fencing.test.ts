import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import type { MembershipHistory } from "@lormas/lease/membership.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { NO_RESOURCES } from "../domain/resources.ts";
import { ManualClock } from "./manual-clock.ts";
import { FENCE_CALLS_MAX } from "./node-fencing.ts";
import { NodeWatch, TERM_START_GRACE_MS } from "./node-watch.ts";
import { ScriptedFenceHook } from "./scripted-fence-hook.ts";

const POLICY = LEASE_PROFILES.default;
const W = waitMs(POLICY);
const OFF = { off: true } as const;
const UNKNOWN = { off: false, reason: "the board does not answer" } as const;
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

let clock: ManualClock;
let hook: ScriptedFenceHook;
let asked: string[];
let worth: (nodeId: string) => boolean;
let fenced: () => Promise<number>;
let watch: NodeWatch;
let sequences: Map<string, bigint>;
/** A majority that is never there: W alone declares nobody dead. */
const nobodyProves: MembershipHistory = [
  {
    epoch: 1,
    voters: ["n", "a", "b"].map((id) => ({ nodeId: id, nodeName: id, peerAddress: `${id}:1` })),
    policy: POLICY,
  },
];
/** Two voters: the other one proves, with the leader, that nobody kept n alive. */
const otherProves: MembershipHistory = [
  { epoch: 1, voters: ["n", "a"].map((id) => ({ nodeId: id, nodeName: id, peerAddress: `${id}:1` })), policy: POLICY },
];
let history: MembershipHistory;

beforeEach(() => {
  clock = new ManualClock();
  hook = new ScriptedFenceHook();
  asked = [];
  worth = () => true;
  fenced = async () => 2;
  sequences = new Map();
  history = nobodyProves;
  const note = (what: string): void => void asked.push(`${what} @${clock.bootMs()}`);
  watch = new NodeWatch({
    clock,
    historyOf: () => history,
    heartbeatsMissing: async () => note("missing"),
    heartbeatsBack: async () => note("back"),
    leaseOver: async () => {
      note("over");
      return 2;
    },
    fence: {
      hook,
      log: quiet,
      requestOf: (nodeId, silentForMs) =>
        worth(nodeId)
          ? {
              nodeId,
              nodeName: nodeId,
              address: "",
              clusterName: "local",
              reason: `${silentForMs} ms`,
              silentNodes: 1,
              nodes: 3,
            }
          : null,
      fenced: (nodeId, _, tookMs) => {
        note(`fenced ${nodeId} in ${tookMs}`);
        return fenced();
      },
    },
  });
});

const SIGN = {
  session: 1,
  usage: NO_RESOURCES,
  guarded: true,
  runtimeReady: true,
  elapsedMs: 0,
  membershipEpoch: 1,
};
const beat = (nodeId = "n", heldForMs = 0): boolean => {
  const lastAckSeen = sequences.get(nodeId) ?? 0n;
  const sequence = lastAckSeen + 1n;
  sequences.set(nodeId, sequence);
  return watch.heartbeat(nodeId, "run", { ...SIGN, sequence, lastAckSeen, heldForMs, remainingMs: POLICY.leaseMs / 2 });
};
/** Passes time in which the other voter holds a lease. */
const withOther = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 300) {
    beat("a", 60_000);
    await clock.advance(Math.min(300, ms - passed), settle);
  }
};
const begin = (shown: "live" | "silent" = "live", nodeIds = ["n"]): void => {
  watch.beginTerm(nodeIds.map((nodeId) => ({ nodeId, shown, lastHeartbeatAtMs: null, confirmedEpoch: null })));
};
const live = (nodeIds = ["n"]): void => {
  begin("live", nodeIds);
  for (const nodeId of nodeIds) {
    watch.introduce(nodeId, "run", 1);
    expect(beat(nodeId)).toBe(true);
  }
};
const call = (index = 0) => hook.calls[index] ?? expect.fail(`there was no call ${index}`);

describe("fencing a silent node", () => {
  test("a node that the hook saw off is declared at once, before W and without a majority", async () => {
    live();
    await clock.advance(POLICY.unhealthyMs, settle);
    expect(asked).toEqual([`missing @${POLICY.unhealthyMs}`]);
    expect(call().request.reason).toBe(`${POLICY.unhealthyMs} ms`);
    await clock.advance(700, settle);
    call().answer(OFF);
    await settle();
    expect(asked.at(-1)).toBe(`fenced n in 700 @${POLICY.unhealthyMs + 700}`);
    expect(POLICY.unhealthyMs + 700).toBeLessThan(W);
    await clock.advance(60_000, settle);
    expect(asked).toHaveLength(2);
    expect(watch.servedIncarnation("n")).toBeNull();
  });

  test("heartbeats during the call are not acknowledged, and after its failure they are again", async () => {
    live();
    await clock.advance(POLICY.unhealthyMs, settle);
    expect(beat()).toBe(false);
    await clock.advance(1_000, settle);
    expect(beat()).toBe(false);
    call().answer(UNKNOWN);
    await settle();
    expect(beat()).toBe(true);
    expect(asked.map((line) => line.split(" ")[0])).toEqual(["missing", "back"]);
    await clock.advance(POLICY.unhealthyMs, settle);
    expect(hook.calls).toHaveLength(2);
  });

  test("W is counted from the last acknowledgement, whether the hook fails or does not come back", async () => {
    history = otherProves;
    live(["n", "a"]);
    await withOther(POLICY.unhealthyMs);
    expect(beat()).toBe(false);
    await withOther(500);
    call().answer(UNKNOWN);
    await withOther(W);
    expect(asked.at(-1)).toBe(`over @${W}`);
    expect(hook.calls).toHaveLength(1);
  });

  test("a call that outlasts W is ended by the death that W declares, and its outcome does not count", async () => {
    history = otherProves;
    live(["n", "a"]);
    await withOther(W);
    expect(asked.at(-1)).toBe(`over @${W}`);
    expect(call().ended).toBe(true);
    watch.introduce("n", "run", 2);
    call().answer(OFF);
    await settle();
    expect(beat()).toBe(true);
    expect(asked).toHaveLength(2);
  });

  test("a term that ends ends the calls, a late success is ignored, and a new term calls for itself", async () => {
    live();
    await clock.advance(POLICY.unhealthyMs, settle);
    watch.clear();
    expect(call().ended).toBe(true);
    begin("silent");
    call().answer(OFF);
    await settle();
    expect(asked).toEqual([`missing @${POLICY.unhealthyMs}`]);
    await clock.advance(TERM_START_GRACE_MS / 2, settle);
    expect(hook.calls).toHaveLength(2);
    call(1).answer(OFF);
    await settle();
    expect(asked.at(-1)).toMatch(/^fenced n/);
  });

  test("a node that is heard before the new term's call is not fenced", async () => {
    begin("silent");
    watch.introduce("n", "run", 1);
    await clock.advance(TERM_START_GRACE_MS / 2 - 1, settle);
    expect(beat()).toBe(true);
    await clock.advance(1_000, settle);
    expect(hook.calls).toEqual([]);
  });

  test("while the outcome of the decision is unknown nothing is acknowledged, and it is asked again", async () => {
    live();
    await clock.advance(POLICY.unhealthyMs, settle);
    fenced = () => Promise.reject(new Error("the database does not answer"));
    call().answer(OFF);
    await settle();
    watch.introduce("n", "after the power came back", 1);
    expect(beat()).toBe(false);
    fenced = async () => 2;
    watch.resume(() => false);
    expect(
      watch.heartbeat("n", "after the power came back", {
        ...SIGN,
        sequence: 1n,
        lastAckSeen: 0n,
        heldForMs: 0,
        remainingMs: 0,
      }),
    ).toBe(false);
    await clock.advance(1_000, settle);
    expect(watch.servedIncarnation("n")).toBeNull();
    expect(hook.calls).toHaveLength(1);
    expect(asked.filter((line) => line.startsWith("fenced"))).toHaveLength(2);
  });

  test("a node from which nothing would be won is not fenced", async () => {
    worth = () => false;
    live();
    await clock.advance(W - 1, settle);
    expect(hook.calls).toEqual([]);
  });

  test("so many calls at once and no more; who waits is granted leases, and has its turn when one ends", async () => {
    const nodeIds = Array.from({ length: FENCE_CALLS_MAX + 2 }, (_, index) => `n${index}`);
    live(nodeIds);
    await clock.advance(POLICY.unhealthyMs, settle);
    expect(hook.calls).toHaveLength(FENCE_CALLS_MAX);
    const waits = nodeIds[FENCE_CALLS_MAX] ?? "";
    const last = nodeIds[FENCE_CALLS_MAX + 1] ?? "";
    expect(beat(waits)).toBe(true);
    call().answer(UNKNOWN);
    await settle();
    // The one that was heard meanwhile is passed over.
    expect(hook.calls.map(({ request }) => request.nodeId).at(-1)).toBe(last);
    expect(hook.calls).toHaveLength(FENCE_CALLS_MAX + 1);
    expect(beat(last)).toBe(false);
  });
});
