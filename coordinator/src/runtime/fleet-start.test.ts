import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";
import { ALONE_MS } from "./lonely-groups.ts";

const W = waitMs(LEASE_PROFILES.default);
const HEARTBEAT_MS = LEASE_PROFILES.default.intervalMs;

let rig: FleetRig;
afterEach(() => rig.close());

const group = () => rig.runtime().groupOf(rig.clusterId) ?? expect.fail("the cluster has no group");
const nodeOf = (id: string) => rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId ?? "";
const chart = (nodeId: string) => rig.runtime().state.node(nodeId)?.snapshot.value;
const status = (id: string) => {
  const container = rig.runtime().state.container(id);
  return container && containerStatus(container.snapshot);
};

async function running(): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web"), "test");
  await rig.settle();
  expect(status(containerId)).toBe("running");
  return containerId;
}

test.each([2, 3])(
  "of %i nodes one that dies before its first heartbeat of the group's epoch fails over",
  async (count) => {
    rig = await fleetRig(count, undefined, { settledMs: 0 });
    const id = await running();
    const source = nodeOf(id);
    expect(group()).toMatchObject({ voters: [], policy: { selfFencing: true, survival: false } });
    for (let beats = 0; group().voters.length === 0 && beats < 5; beats++) await rig.pass(HEARTBEAT_MS / 2);
    expect(group().voters).toHaveLength(count);
    const { epoch } = group();
    expect(group().voters.find(({ nodeId }) => nodeId === source)?.confirmedEpoch).toBeLessThan(epoch);
    rig.agents.powerOff(source);
    await rig.pass(W - 2 * HEARTBEAT_MS);
    expect(chart(source)).toBe("unhealthy");
    await rig.pass(4 * HEARTBEAT_MS);
    expect(chart(source)).toBe("dead");
    await rig.settle();
    expect(status(id)).toBe("running");
    expect(nodeOf(id)).not.toBe(source);
    expect(rig.agents.overlaps).toEqual([]);
  },
);

test("a node that is silent before two vote is not moved: the alert says why, and ends once two vote", async () => {
  rig = await fleetRig(3, undefined, { settledMs: 0 });
  const id = await running();
  const source = nodeOf(id);
  const [other = "", third = ""] = rig.nodeIds.filter((nodeId) => nodeId !== source);
  rig.agents.powerOff(source);
  rig.agents.powerOff(other);
  await rig.pass(2 * W + 3_000);
  expect([chart(source), chart(other), chart(third)]).toEqual(["unhealthy", "unhealthy", "healthy"]);
  expect(group()).toMatchObject({
    voters: [],
    policy: { selfFencing: true },
    suspension: { message: expect.stringContaining("fewer than two nodes vote yet") },
  });
  await rig.agents.connect(other);
  await rig.pass(W + 12_000);
  expect(chart(source)).toBe("dead");
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(source);
  expect(group().suspension).toBeNull();
  expect(rig.agents.overlaps).toEqual([]);
});

test("a node that is alone for a minute is not fenced any more, whoever leads; a second one brings the fence back", async () => {
  rig = await fleetRig(1);
  expect(group()).toMatchObject({ voters: [], policy: { selfFencing: true, survival: false } });
  await rig.pass(ALONE_MS - 10_000);
  expect(group()).toMatchObject({ epoch: 1, policy: { selfFencing: true } });
  await rig.pass(10_000 + HEARTBEAT_MS);
  expect(group()).toMatchObject({ epoch: 2, voters: [], policy: { selfFencing: false } });
  const [first = ""] = rig.nodeIds;
  await rig.restart();
  await rig.agents.connect(first);
  await rig.pass(3_000);
  expect(group()).toMatchObject({ epoch: 2, policy: { selfFencing: false } });
  await rig.join();
  await rig.pass(3_000);
  expect(group().voters.map(({ nodeName }) => nodeName)).toEqual(["node-1", "node-2"]);
  expect(group()).toMatchObject({ epoch: 3, policy: { selfFencing: true, survival: true } });
});

test("another coordinator gives a node that is alone another minute", async () => {
  rig = await fleetRig(1);
  const [first = ""] = rig.nodeIds;
  await rig.pass(ALONE_MS / 2);
  await rig.restart();
  await rig.agents.connect(first);
  await rig.pass(ALONE_MS - 3_000);
  expect(group()).toMatchObject({ epoch: 1, policy: { selfFencing: true } });
  await rig.pass(15_000);
  expect(group()).toMatchObject({ epoch: 2, policy: { selfFencing: false } });
});

test("a fleet of one has no failover that could be suspended; one that died in its first minute is replaced by two others", async () => {
  rig = await fleetRig(1);
  const id = await running();
  const [first = ""] = rig.nodeIds;
  rig.agents.powerOff(first);
  await rig.pass(2 * ALONE_MS);
  expect(chart(first)).toBe("unhealthy");
  expect(group()).toMatchObject({ epoch: 1, policy: { selfFencing: true }, suspension: null });
  await rig.join();
  await rig.join();
  await rig.pass(W + 6_000);
  expect(chart(first)).toBe("dead");
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(first);
});

test("a node that died unfenced waits for a person's word, and the alert says so once another node is there", async () => {
  rig = await fleetRig(1);
  const id = await running();
  const [first = ""] = rig.nodeIds;
  await rig.pass(ALONE_MS + HEARTBEAT_MS);
  expect(group().policy.selfFencing).toBe(false);
  rig.agents.powerOff(first);
  await rig.pass(ALONE_MS);
  expect(group().suspension).toBeNull();
  const [second, third] = [await rig.join(), await rig.join()];
  await rig.pass(2 * W + 6_000);
  expect(group().voters.map(({ nodeId }) => nodeId)).toEqual([second, third]);
  expect(chart(first)).toBe("unhealthy");
  expect(group().suspension?.message).toContain("had not confirmed yet that it fences itself");
  await rig.runtime().clusters.overrideSuspension(rig.clusterId, [first], "no power", "user:ada");
  await rig.settle();
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(first);
});
