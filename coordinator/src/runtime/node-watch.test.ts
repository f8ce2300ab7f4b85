import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
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
    clock,
    historyOf: () => [{ epoch: 1, voters: [], policy: POLICY }],
    heartbeatsMissing: () => note("missing", missing),
    heartbeatsBack: () => note("back", back),
    leaseOver: () => note("over", over),
  });
});

const beat = (): boolean => {
  sequence += 1n;
  return watch.heartbeat("n", "run", {
    sequence,
    session: 1,
    usage: NO_RESOURCES,
    heldForMs: 0,
    remainingMs: 0,
    lastAckSeen: sequence - 1n,
    guarded: true,
    runtimeReady: true,
    membershipEpoch: 1,
    elapsedMs: 0,
  });
};
const begin = (shown: "live" | "silent" | "dead") => {
  watch.beginTerm([{ nodeId: "n", shown, lastHeartbeatAtMs: null }]);
  watch.introduce("n", "run", 1);
};

describe("the watch over nodes", () => {
  test("asks for silence and for the end of W at their moments, counted from the last acknowledged heartbeat", async () => {
    begin("live");
    await clock.advance(1_000, settle);
    expect(beat()).toBe(true);
    await clock.advance(20_000, settle);
    expect(asked).toEqual([`missing @${1_000 + POLICY.unhealthyMs}`, `over @${1_000 + waitMs(POLICY)}`]);
    expect(beat()).toBe(false);
  });

  test("asks nothing as long as heartbeats come", async () => {
    begin("live");
    for (let passed = 0; passed < 60_000; passed += POLICY.intervalMs) {
      expect(beat()).toBe(true);
      await clock.advance(POLICY.intervalMs, settle);
    }
    expect(asked).toEqual([]);
  });

  test("gives a node that was not heard in this term time to find its leader", async () => {
    watch.beginTerm([{ nodeId: "n", shown: "live", lastHeartbeatAtMs: null }]);
    await clock.advance(20_000, settle);
    expect(asked).toEqual([`missing @${TERM_START_GRACE_MS / 2}`, `over @${TERM_START_GRACE_MS}`]);
  });

  test("a node that an older term showed as silent is shown healthy once it is heard", () => {
    begin("silent");
    expect(beat()).toBe(true);
    expect(asked).toEqual(["back @0"]);
  });

  test("a dead node is not watched until it says hello", async () => {
    watch.beginTerm([{ nodeId: "n", shown: "dead", lastHeartbeatAtMs: null }]);
    await clock.advance(60_000, settle);
    expect(asked).toEqual([]);
    watch.introduce("n", "run", 2);
    over = async () => 3;
    await clock.advance(60_000, settle);
    expect(asked.map((line) => line.split(" ")[0])).toEqual(["missing", "over"]);
  });

  test("nothing is acknowledged from the end of W until its outcome is known, and after a failure it is asked again", async () => {
    begin("live");
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
    begin("live");
    beat();
    await clock.advance(POLICY.unhealthyMs, settle);
    back = () => Promise.reject(new Error("the database does not answer"));
    expect(beat()).toBe(true);
    await settle();
    back = async () => {};
    expect(beat()).toBe(true);
    expect(asked.map((line) => line.split(" ")[0])).toEqual(["missing", "back", "back"]);
  });

  test("a goodbye of a session that is not the present one ends nothing", () => {
    begin("live");
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
      begin("live");
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
