import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

const W = waitMs(LEASE_PROFILES.default);

let rig: FleetRig;
/** The one node of the cluster "edge", with an HA container on it. */
let alone: string;
let edge: string;
let containerId: string;

const chart = (nodeId: string) => rig.runtime().state.node(nodeId)?.snapshot.value;
const nodeOf = (id: string) => rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId;
const group = () => rig.runtime().groupOf(edge) ?? expect.fail("the cluster has no group");
const status = () => {
  const container = rig.runtime().state.container(containerId);
  return container && containerStatus(container.snapshot);
};

beforeEach(async () => {
  rig = await fleetRig(3);
  const { clusters, operations } = rig.runtime();
  ({ clusterId: edge } = await clusters.createCluster("edge", { allowOtherClusters: true }, "user:ada"));
  alone = await rig.join(edge);
  await rig.pass(3 * W);
  ({ containerId } = await operations.createContainer(haContainer("web", { preferredClusterId: edge }), "test"));
  await rig.settle();
  expect([nodeOf(containerId), status()]).toEqual([alone, "running"]);
});
afterEach(() => rig.close());

const lenders = () =>
  group()
    .voters.map(({ nodeId }) => nodeId)
    .filter((nodeId) => nodeId !== alone);

test("a cluster of one borrows voters, which go on voting at home, and is fenced", () => {
  expect(group()).toMatchObject({ policy: { selfFencing: true, survival: true } });
  expect(lenders()).toHaveLength(3);
  for (const lender of lenders()) expect(rig.nodeIds.slice(0, 3)).toContain(lender);
  expect(rig.runtime().groupOf(rig.clusterId)?.voters).toHaveLength(3);
});

test("the leases of borrowed voters prove the death of its node, and its container moves to the cluster that lent them", async () => {
  rig.agents.powerOff(alone);
  await rig.pass(W - 900);
  expect(chart(alone)).toBe("unhealthy");
  await rig.pass(2_400);
  expect([chart(alone), status()]).toEqual(["dead", "running"]);
  expect(rig.nodeIds.slice(0, 3)).toContain(nodeOf(containerId));
  expect(rig.agents.overlaps).toEqual([]);
});

test("with its borrowed voters silent as well nothing is proved: it may run on by their votes", async () => {
  const [first = "", second = ""] = lenders();
  for (const nodeId of [alone, first, second]) rig.agents.powerOff(nodeId);
  await rig.pass(3 * W);
  expect([chart(alone), nodeOf(containerId)]).toEqual(["unhealthy", alone]);
  expect(group().suspension?.silent).toEqual([rig.runtime().state.node(alone)?.facts.name]);
});
