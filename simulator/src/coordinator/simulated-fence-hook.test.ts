import { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { FenceOutcome } from "@lormas/coordinator/runtime/fence-hook.ts";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { expect, test } from "vitest";
import { HostClock } from "../clock/host-clock.ts";
import { calmFleet } from "../fleet/calm-fleet.ts";
import { PowerBoard } from "../host/power-board.ts";
import { SimulatedProcess } from "../process/simulated-process.ts";
import { SimulatedFenceHook } from "./simulated-fence-hook.ts";

const CALLS = 60;

/** Calls for one host again and again, and tells of each outcome whether the host was off since the call. */
async function calls(hasBoard: boolean): Promise<{ outcome: FenceOutcome; wasOff: boolean }[]> {
  const { fleet } = await calmFleet(1, 2, LEASE_PROFILES.fast);
  const { time, nodes } = fleet;
  const [node] = nodes;
  if (!node) throw new Error("there are nodes");
  const board = new PowerBoard(node, time, new SeededRandom(7, "board"));
  const clock = new HostClock(time, { rate: 1, stepMs: 1, wallOffsetMs: 0 });
  const random = new SeededRandom(7, "hook");
  const process = new SimulatedProcess({ name: "coordinator", time, clock, random });
  const boardOf = () => (hasBoard ? board : undefined);
  const hook = new SimulatedFenceHook({ time, process, random, boardOf, onCall: () => undefined });
  const request = { nodeId: node.nodeId, nodeName: node.name, address: "", clusterName: "", reason: "" };
  const told: { outcome: FenceOutcome; wasOff: boolean }[] = [];
  for (let number = 0; number < CALLS; number++) {
    const offsBefore = board.offs;
    const wasOffThen = board.off;
    void hook.call({ ...request, silentNodes: 1, nodes: 2 }).outcome.then((outcome) => {
      told.push({ outcome, wasOff: wasOffThen || board.offs > offsBefore });
    });
    await fleet.run(time.nowMs() + 11_000);
  }
  return told;
}

test("a hook says that a host is off only when it was since the call, and sometimes not even then", async () => {
  const told = await calls(true);
  expect(told).toHaveLength(CALLS);
  const off = told.filter(({ outcome }) => outcome.off);
  expect(off.length).toBeGreaterThan(CALLS / 3);
  expect(off.every(({ wasOff }) => wasOff)).toBe(true);
  expect(told.some(({ outcome, wasOff }) => wasOff && !outcome.off)).toBe(true);
}, 60_000);

test("a host without a board is never said to be off", async () => {
  const told = await calls(false);
  expect(told).toHaveLength(CALLS);
  expect(told.some(({ outcome }) => outcome.off)).toBe(false);
}, 60_000);
