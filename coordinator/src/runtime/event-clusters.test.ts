import { afterEach, expect, test } from "vitest";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

let rig: FleetRig;
afterEach(() => rig.close());

/** Where the events of something happened, by their types. */
async function clustersOf(field: "containerId" | "nodeId", id: string): Promise<Map<string, readonly string[]>> {
  const events = await readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000));
  return new Map(events.filter((event) => event[field] === id).map(({ type, clusterIds }) => [type, clusterIds]));
}

test("what happens to a container happens in the cluster that it prefers and in the one that it is in, to its end", async () => {
  rig = await fleetRig(2);
  const { operations, clusters } = rig.runtime();
  const { clusterId: games } = await clusters.createCluster("games", {}, "test");
  // Nobody of games takes it: it goes to a node of the first cluster.
  const { containerId } = await operations.createContainer(haContainer("arena", { preferredClusterId: games }), "test");
  await rig.settle();
  await operations.setDesired(containerId, "removed", "test");
  await rig.settle();
  const found = await clustersOf("containerId", containerId);
  expect(found.get("container.created")).toEqual([games]);
  const both = [rig.clusterId, games].sort();
  for (const type of ["container.placed", "container.running", "container.removed"]) {
    expect([type, [...(found.get(type) ?? [])].sort()]).toEqual([type, both]);
  }
});

test("what happens to a node, to a cluster and to a container that prefers none happens in theirs", async () => {
  rig = await fleetRig(2);
  const [nodeId = ""] = rig.nodeIds;
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web"), "test");
  await rig.settle();
  await rig.runtime().operators.cordon(nodeId, "test");
  for (const clusterIds of (await clustersOf("nodeId", nodeId)).values()) expect(clusterIds).toEqual([rig.clusterId]);
  const found = await clustersOf("containerId", containerId);
  expect(found.get("container.created")).toEqual([]);
  expect(found.get("container.running")).toEqual([rig.clusterId]);
  await rig.runtime().clusters.updateCluster(rig.clusterId, { description: "mine" }, "test");
  const events = await readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000));
  expect(events.find(({ type }) => type === "cluster.updated")?.clusterIds).toEqual([rig.clusterId]);
});
