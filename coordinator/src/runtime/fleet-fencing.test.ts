import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";
import { ScriptedFenceHook } from "./scripted-fence-hook.ts";

const W = waitMs(LEASE_PROFILES.default);
/** Until three heartbeats are missing. */
const SILENT_MS = 2_400;

let rig: FleetRig;
let hook: ScriptedFenceHook;
afterEach(() => rig.close());

async function start(nodes: number): Promise<void> {
  hook = new ScriptedFenceHook();
  rig = await fleetRig(nodes, undefined, { fenceHook: hook });
}
const container = (id: string) => rig.runtime().state.container(id) ?? expect.fail("it is gone");
const status = (id: string) => containerStatus(container(id).snapshot);
const nodeOf = (id: string) => container(id).snapshot.context.placement?.nodeId ?? "";
const events = () => readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000));
async function running(change: Parameters<typeof haContainer>[1] = {}): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web", change), "test");
  await rig.settle();
  expect(status(containerId)).toBe("running");
  return containerId;
}

test("a fenced node's containers run elsewhere long before W, and the events say who cut it off", async () => {
  await start(3);
  const id = await running();
  const source = nodeOf(id);
  rig.agents.powerOff(source);
  await rig.pass(SILENT_MS);
  const [call] = hook.calls;
  expect(call?.request).toMatchObject({
    nodeId: source,
    clusterName: "local",
    reason: expect.stringMatching(/^no heartbeat for [12]\.\d s, and it holds 1 HA container$/),
    silentNodes: 1,
    nodes: 3,
  });
  call?.answer({ off: true });
  await rig.pass(600);
  expect(SILENT_MS + 600).toBeLessThan(W / 2);
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(source);
  const said = (await events()).filter(({ nodeId }) => nodeId === source).map(({ type, message }) => [type, message]);
  expect(said).toContainEqual([
    "node.fenced",
    expect.stringMatching(/was fenced: \/opt\/fence confirmed after .* is off$/),
  ]);
  expect(said).toContainEqual(["node.dead", expect.stringContaining("was fenced")]);
  // It comes back with a new session.
  await rig.agents.connect(source);
  await rig.pass(1_200);
  expect(rig.runtime().state.node(source)?.snapshot.value).toBe("healthy");
  expect(rig.agents.overlaps).toEqual([]);
});

test("the last node of two is replaced without a majority, when the hook has seen it off", async () => {
  await start(2);
  const id = await running();
  const source = nodeOf(id);
  rig.agents.powerOff(source);
  await rig.pass(SILENT_MS);
  hook.calls[0]?.answer({ off: true });
  await rig.pass(600);
  expect(nodeOf(id)).not.toBe(source);
  expect(status(id)).toBe("running");
});

test("a hook that proves nothing leaves the decision to W", async () => {
  await start(3);
  const id = await running();
  const source = nodeOf(id);
  rig.agents.powerOff(source);
  await rig.pass(SILENT_MS);
  hook.calls[0]?.answer({ off: false, reason: "it ended with code 1" });
  await rig.pass(W - SILENT_MS - 600);
  expect(nodeOf(id)).toBe(source);
  await rig.pass(1_800);
  expect(nodeOf(id)).not.toBe(source);
  expect((await events()).map(({ type }) => type)).not.toContain("node.fenced");
});

test("nobody is fenced who holds no HA container, or whose cluster moves nothing by itself", async () => {
  await start(3);
  const id = await running({ ha: false });
  const source = nodeOf(id);
  rig.agents.powerOff(source);
  await rig.pass(SILENT_MS);
  expect(hook.calls).toEqual([]);
  await rig.agents.connect(source);
  await rig.pass(600);
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("ha"), "test");
  await rig.settle();
  await rig.runtime().clusters.updateCluster(rig.clusterId, { autoMigrate: false }, "test");
  rig.agents.powerOff(nodeOf(containerId));
  await rig.pass(SILENT_MS);
  expect(hook.calls).toEqual([]);
});
