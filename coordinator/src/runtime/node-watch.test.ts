import {
  type AgentLease,
  ackReceived,
  confirmation,
  heartbeatSent,
  membershipAdopted,
  noLease,
} from "@lormas/lease/agent-lease.ts";
import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import type { MembershipHistory, Voter } from "@lormas/lease/membership.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { NO_RESOURCES } from "../domain/resources.ts";
import { ManualClock } from "./manual-clock.ts";
import { NodeWatch, TERM_START_GRACE_MS } from "./node-watch.ts";

const POLICY = LEASE_PROFILES.default;
const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

let clock: ManualClock;
let asked: string[];
/** How the next question ends; by default it is decided at once. */
let missing: () => Promise<void>;
let back: () => Promise<void>;
let over: () => Promise<number>;
let watch: NodeWatch;
let sequence: bigint;
let history: MembershipHistory;
let peers: Map<string, Peer>;

beforeEach(() => {
  clock = new ManualClock();
  asked = [];
  sequence = 0n;
  missing = back = async () => {};
  over = async () => 2;
  const note = <T>(what: string, then: () => Promise<T>): Promise<T> => {
    asked.push(`${what} @${clock.bootMs()}`);
    return then();
  };
  watch = new NodeWatch({
    fence: null,
    clock,
    historyOf: () => history,
    heartbeatsMissing: (nodeId) => (nodeId === "n" ? note("missing", missing) : nothing()),
    heartbeatsBack: (nodeId) => (nodeId === "n" ? note("back", back) : nothing()),
    leaseOver: (nodeId) => (nodeId === "n" ? note("over", over) : Promise.resolve(2)),
  });
  history = [{ epoch: 1, voters: ["n", "a", "b"].map(voter), policy: POLICY }];
  peers = new Map();
});

const nothing = async (): Promise<void> => {};
const voter = (nodeId: string): Voter => ({ nodeId, nodeName: nodeId, peerAddress: `${nodeId}:7444` });

/** The other voters hold leases, and confirm them as agents do, until they are silenced. */
function beginPeers(): void {
  for (const id of ["a", "b"]) {
    watch.introduce(id, id, 1);
    const present = history[history.length - 1] ?? history[0];
    const lease = membershipAdopted(noLease(id), present, clock.bootMs());
    const peer = { lease, sequence: 0n, silent: false };
    peers.set(id, peer);
    const next = (): void => {
      if (peers.get(id) !== peer) return;
      if (!peer.silent) beatOfPeer(id, peer);
      clock.schedule(POLICY.intervalMs, next);
    };
    next();
  }
}

type Peer = { lease: AgentLease; sequence: bigint; silent: boolean };

function beatOfPeer(id: string, peer: Peer): void {
  peer.sequence += 1n;
  const { heldForMs, remainingMs } = confirmation(peer.lease, clock.bootMs());
  const lastAckSeen = peer.lease.lastAckSeen;
  peer.lease = heartbeatSent(peer.lease, peer.sequence, clock.bootMs());
  const membershipEpoch = peer.lease.membership?.epoch ?? 0;
  const told = { ...SIGN, sequence: peer.sequence, heldForMs, remainingMs, lastAckSeen, membershipEpoch };
  if (watch.heartbeat(id, id, told)) peer.lease = ackReceived(peer.lease, peer.sequence, clock.bootMs());
}

/** Everything of a heartbeat that these tests do not speak of. */
const SIGN = { session: 1, usage: NO_RESOURCES, guarded: true, runtimeReady: true, elapsedMs: 0 };

/** Until the peers have held their leases for longer than W. */
const WARM_MS = 10_000;

const beat = (): boolean => {
  sequence += 1n;
  return watch.heartbeat("n", "run", {
    ...SIGN,
    sequence,
    heldForMs: 0,
    remainingMs: 0,
    lastAckSeen: sequence - 1n,
    membershipEpoch: 1,
  });
};
const begin = async (shown: "live" | "silent" | "dead") => {
  const nodes = ["n", "a", "b"].map((nodeId) => ({
    nodeId,
    shown: nodeId === "n" ? shown : ("live" as const),
    lastHeartbeatAtMs: null,
    confirmedEpoch: null,
  }));
  watch.beginTerm(nodes);
  beginPeers();
  if (shown === "dead") return;
  watch.introduce("n", "run", 1);
  for (let passed = 0; shown === "live" && passed < WARM_MS; passed += POLICY.intervalMs) {
    beat();
    await clock.advance(POLICY.intervalMs, settle);
  }
  asked = [];
};

describe("the watch over nodes", () => {
  test("asks for silence and for the end of W at their moments, counted from the last acknowledged heartbeat", async () => {
    await begin("live");
    await clock.advance(100, settle);
    const lastMs = clock.bootMs();
    expect(beat()).toBe(true);
    await clock.advance(20_000, settle);
    expect(asked).toEqual([`missing @${lastMs + POLICY.unhealthyMs}`, `over @${lastMs + waitMs(POLICY)}`]);
    expect(beat()).toBe(false);
  });

  test("asks nothing as long as heartbeats come", async () => {
    await begin("live");
    for (let passed = 0; passed < 60_000; passed += POLICY.intervalMs) {
      expect(beat()).toBe(true);
      await clock.advance(POLICY.intervalMs, settle);
    }
    expect(asked).toEqual([]);
  });

  test("gives a node that was not heard in this term time to find its leader", async () => {
    watch.beginTerm([{ nodeId: "n", shown: "live", lastHeartbeatAtMs: null, confirmedEpoch: null }]);
    beginPeers();
    await clock.advance(20_000, settle);
    expect(asked).toEqual([`missing @${TERM_START_GRACE_MS / 2}`, `over @${TERM_START_GRACE_MS}`]);
  });

  test("a node that an older term showed as silent is shown healthy once it is heard", async () => {
    await begin("silent");
    expect(beat()).toBe(true);
    expect(asked).toEqual(["back @0"]);
  });

  test("a dead node is not watched until it says hello", async () => {
    await begin("dead");
    await clock.advance(60_000, settle);
    expect(asked).toEqual([]);
    watch.introduce("n", "run", 2);
    over = async () => 3;
    await clock.advance(60_000, settle);
    expect(asked.map((line) => line.split(" ")[0])).toEqual(["missing", "over"]);
  });

  test("nothing is acknowledged from the end of W until its outcome is known, and after a failure it is asked again", async () => {
    await begin("live");
    beat();
    let decide: (present: number) => void = () => {};
    let fail: (error: Error) => void = () => {};
    over = () =>
      new Promise((resolve, reject) => {
        decide = resolve;
        fail = reject;
      });
    await clock.advance(waitMs(POLICY), settle);
    expect(beat()).toBe(false);
    fail(new Error("the database does not answer"));
    await settle();
    expect(beat()).toBe(false);
    await clock.advance(250, settle);
    expect(asked.filter((line) => line.startsWith("over"))).toHaveLength(2);
    expect(beat()).toBe(false);
    decide(2);
    await settle();
    expect(beat()).toBe(false);
    expect(watch.servedIncarnation("n")).toBeNull();
  });

  test("when being heard again could not be shown, the next heartbeat says it again", async () => {
    await begin("live");
    beat();
    await clock.advance(POLICY.unhealthyMs, settle);
    back = () => Promise.reject(new Error("the database does not answer"));
    expect(beat()).toBe(true);
    await settle();
    back = async () => {};
    expect(beat()).toBe(true);
    expect(asked.map((line) => line.split(" ")[0])).toEqual(["missing", "back", "back"]);
  });

  test("a goodbye of a session that is not the present one ends nothing", async () => {
    await begin("live");
    watch.introduce("n", "run", 5);
    watch.sessionEnded("n", 5);
    expect(beat()).toBe(true);
    watch.sessionEnded("n", 6);
    expect(beat()).toBe(false);
  });

  test("after a re-read a node that turned out to be dead is served no more, one that did not is decided on again", async () => {
    for (const dead of [true, false]) {
      asked = [];
      sequence = 0n;
      await begin("live");
      beat();
      over = () => new Promise(() => {});
      await clock.advance(waitMs(POLICY), settle);
      expect(watch.resume(() => dead)).toEqual(dead ? ["n"] : []);
      expect(watch.servedIncarnation("n")).toBe(dead ? null : "run");
      await clock.advance(1_000, settle);
      expect(asked.filter((line) => line.startsWith("over"))).toHaveLength(dead ? 1 : 2);
      watch.clear();
    }
  });
});

describe("the leader's rule", () => {
  const silence = (...ids: string[]): void => {
    for (const id of ids) {
      const peer = peers.get(id);
      if (peer) peer.silent = true;
    }
  };
  const overs = () => asked.filter((line) => line.startsWith("over"));

  test("of three voters two are silent: neither is declared dead, and both are named", async () => {
    await begin("live");
    beat();
    silence("a");
    await clock.advance(60_000, settle);
    expect(overs()).toEqual([]);
    const blocked = watch.blockedDeaths();
    expect(blocked.map(({ nodeId }) => nodeId).sort()).toEqual(["a", "n"]);
    const ofN = blocked.find(({ nodeId }) => nodeId === "n");
    expect(ofN?.verdict).toMatchObject({ kind: "majority_lost", needed: 2, confirmed: 1 });
    expect(ofN?.verdict.missing.map(({ nodeId }) => nodeId)).toEqual(["a"]);
    // Nothing is being decided, so its heartbeats are still welcome.
    expect(beat()).toBe(true);
    expect(watch.blockedDeaths().map(({ nodeId }) => nodeId)).toEqual(["a"]);
  });

  test("once the missing voter is back and has held its lease for W, the death is declared by itself", async () => {
    await begin("live");
    beat();
    silence("a");
    await clock.advance(20_000, settle);
    expect(overs()).toEqual([]);
    const backMs = clock.bootMs();
    const peer = peers.get("a");
    if (peer) peer.silent = false;
    await clock.advance(waitMs(POLICY), settle);
    expect(overs()).toEqual([]);
    await clock.advance(3 * POLICY.intervalMs, settle);
    expect(overs()).toHaveLength(1);
    expect(Number(overs()[0]?.split("@")[1])).toBeGreaterThanOrEqual(backMs + waitMs(POLICY));
  });

  test("a majority of the present voters is not enough where the node may believe in others", async () => {
    const old = { epoch: 1, voters: ["n", "x", "y"].map(voter), policy: POLICY };
    history = [old, { epoch: 2, voters: ["n", "a", "b"].map(voter), policy: POLICY }];
    await begin("live"); // It confirms epoch 1 and never epoch 2.
    beat();
    await clock.advance(60_000, settle);
    expect(overs()).toEqual([]);
    expect(watch.blockedDeaths()[0]?.verdict).toMatchObject({ epoch: 1, confirmed: 0 });
    // The group lets go of that epoch: nobody may believe in it any more.
    history = [{ epoch: 2, voters: ["n", "a", "b"].map(voter), policy: POLICY }];
    await clock.advance(POLICY.intervalMs, settle);
    expect(overs()).toHaveLength(1);
  });

  test("after a change of policy the longest W counts of all that the node has not left", async () => {
    const patient = LEASE_PROFILES.patient;
    history = [
      { epoch: 1, voters: ["n", "a", "b"].map(voter), policy: patient },
      { epoch: 2, voters: ["n", "a", "b"].map(voter), policy: POLICY },
    ];
    await begin("live"); // Confirms epoch 1 only.
    for (let passed = 0; passed < 40_000; passed += POLICY.intervalMs) {
      beat();
      await clock.advance(POLICY.intervalMs, settle);
    }
    const lastMs = clock.bootMs();
    beat();
    await clock.advance(waitMs(patient) - 100, settle);
    expect(overs()).toEqual([]);
    await clock.advance(200 + POLICY.intervalMs, settle);
    expect(overs()).toHaveLength(1);
    expect(Number(overs()[0]?.split("@")[1])).toBeGreaterThanOrEqual(lastMs + waitMs(patient));
  });

  test("a new term takes up what the node had confirmed, and respects the waits that it had left", async () => {
    const patient = LEASE_PROFILES.patient;
    history = [
      { epoch: 1, voters: ["n", "a", "b"].map(voter), policy: patient },
      { epoch: 2, voters: ["n", "a", "b"].map(voter), policy: POLICY },
    ];
    const node = { shown: "live" as const, lastHeartbeatAtMs: null };
    watch.beginTerm([
      { nodeId: "n", ...node, confirmedEpoch: 2 },
      { nodeId: "a", ...node, confirmedEpoch: 2 },
      { nodeId: "b", ...node, confirmedEpoch: 2 },
    ]);
    beginPeers();
    await clock.advance(waitMs(patient) - POLICY.intervalMs, settle);
    expect(overs()).toEqual([]);
    await clock.advance(2 * POLICY.intervalMs, settle);
    expect(overs()).toHaveLength(1);
  });

  test("the first node of a fleet is not declared dead before it has confirmed that it fences itself", async () => {
    const alone = { epoch: 1, voters: [], policy: { ...POLICY, selfFencing: false, survival: false } };
    history = [alone, { epoch: 2, voters: ["n", "a", "b"].map(voter), policy: POLICY }];
    await begin("live"); // Confirms epoch 1, in which its guard does not kill.
    beat();
    await clock.advance(600_000, settle);
    expect(overs()).toEqual([]);
    expect(watch.blockedDeaths().map(({ nodeId }) => nodeId)).toEqual(["n"]);
    expect(watch.standing("n")).toEqual({ kind: "lease_over" });
  });

  test("a person's word stands only for a node that is silent, and only once its W is over", async () => {
    await begin("live");
    beat();
    silence("a");
    expect(watch.standing("n")).toEqual({ kind: "heard" });
    await clock.advance(POLICY.unhealthyMs, settle);
    expect(watch.standing("n")).toEqual({ kind: "lease_runs", leftMs: waitMs(POLICY) - POLICY.unhealthyMs });
    await clock.advance(20_000, settle);
    expect(watch.standing("n")).toEqual({ kind: "lease_over" });
    let decided: (ended: Map<string, number>) => void = () => {};
    const overruled = watch.overrule(["n"], () => new Promise((resolve) => (decided = resolve)));
    expect(beat()).toBe(false);
    expect(watch.standing("n")).toEqual({ kind: "deciding" });
    decided(new Map([["n", 2]]));
    await overruled;
    expect(watch.standing("n")).toEqual({ kind: "dead" });
    expect(watch.servedIncarnation("n")).toBeNull();
  });

  test("a word that could not be stored changes nothing: the rule goes on", async () => {
    await begin("live");
    beat();
    silence("a");
    await clock.advance(20_000, settle);
    await expect(watch.overrule(["n"], () => Promise.reject(new Error("no database")))).rejects.toThrow("no database");
    expect(watch.standing("n")).toEqual({ kind: "deciding" });
    await clock.advance(250, settle);
    expect(beat()).toBe(true);
    expect(overs()).toEqual([]);
  });
});
