import { ConnectError } from "@connectrpc/connect";
import { ContainerType, DesiredState } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";
import { type Client, clientFor } from "./scoped-rig.ts";

/** A runtime with two nodes in "local", and "games" with one, from which containers may go to other clusters. */
let fleet: FleetRig;
let rig: RuntimePlaneRig;
let admin: Client;
let operator: Client;
let gamesId = "";

beforeAll(async () => {
  fleet = await fleetRig(2);
  rig = await startRuntimePlaneRig(fleet);
  admin = clientFor(rig.plane.url, rig.token);
  const { cluster } = await admin.clusters.createCluster({ name: "games", allowOtherClusters: true });
  gamesId = cluster?.id ?? "";
  await fleet.join(gamesId);
  const grants = [{ role: "operator", cluster: "games" }];
  const { secret } = await admin.access.createToken({ name: "games-operator", role: "none", grants });
  operator = clientFor(rig.plane.url, secret);
  const request = { name: "arena", eggId: "hello-http", type: ContainerType.HA, preferredCluster: "games" };
  await operator.containers.createContainer(request);
  await fleet.settle();
});
afterAll(async () => {
  await rig.close();
  await fleet.close();
});

const refused = async (call: Promise<unknown>) =>
  ConnectError.from(
    await call.then(
      () => expect.fail("it was granted"),
      (thrown: unknown) => thrown,
    ),
  ).rawMessage;

test("a migration that names no node goes only where its caller may migrate, and else says where it would have gone", async () => {
  const { container } = await operator.containers.getContainer({ id: "arena" });
  expect([container?.nodeName, container?.clusterName]).toEqual(["node-3", "games"]);
  const message = await refused(operator.containers.migrateContainer({ id: "arena" }));
  expect(message).toMatch(/does not grant migration:manage on node node-[12], where it would go\.$/);
  // What it may see of that is the one that would be chosen.
  const preview = await operator.containers.previewMigration({ id: "arena" });
  const weighed = preview.decision?.candidates.map(({ nodeName }) => nodeName).sort();
  expect(weighed).toEqual([preview.targetNodeName, "node-3"].sort());
  expect((await admin.containers.previewMigration({ id: "arena" })).decision?.candidates).toHaveLength(3);
  await fleet.join(gamesId);
  await fleet.pass(9_000);
  const { migration } = await operator.containers.migrateContainer({ id: "arena" });
  expect(migration?.containerName).toBe("arena");
  await fleet.settle();
  expect((await operator.containers.getContainer({ id: "arena" })).container?.nodeName).toBe("node-4");
});

test("who may create in one cluster gets no room in another, neither at once nor by a start", async () => {
  const request = { eggId: "hello-http", type: ContainerType.HA, preferredCluster: "games" };
  const large = { ...request, resources: { cpuMillis: 100, memoryBytes: 1_500_000_000n, diskBytes: 0n } };
  // node-3 and node-4 take one each; those of "local" have room.
  for (const name of ["large-1", "large-2"]) await operator.containers.createContainer({ ...large, name });
  await fleet.settle();
  const message = await refused(operator.containers.createContainer({ ...large, name: "large-3" }));
  expect(message).toBe("no node of games can take large-3 now, and no other cluster may be used for it");
  const { events } = await admin.events.listEvents({ latest: true, pageSize: 1_000 });
  expect(events.filter((event) => event.message.includes("large-3"))).toEqual([]);
  await operator.containers.createContainer({ ...large, name: "large-4", createStopped: true });
  expect(await refused(operator.containers.startContainer({ id: "large-4" }))).toContain("no node of games can take");
  expect((await admin.containers.startContainer({ id: "large-4" })).container?.desiredState).toBe(DesiredState.RUNNING);
  await fleet.settle();
  expect((await admin.containers.getContainer({ id: "large-4" })).container?.clusterName).toBe("local");
});

test("the fleet of one cluster is what its people see of it: nodes, what-if, events, and nothing of the rest", async () => {
  await admin.containers.createContainer({ name: "shop", eggId: "hello-http", preferredCluster: "local" });
  await fleet.settle();
  const { nodes } = await operator.nodes.listNodes({});
  expect(nodes.map(({ name }) => name)).toEqual(["node-3", "node-4"]);
  const whatIf = await operator.nodes.whatIf({});
  expect(whatIf.nodes.map(({ nodeName }) => nodeName)).toEqual(["node-3", "node-4"]);
  expect((await admin.nodes.whatIf({})).nodes).toHaveLength(4);
  const { events } = await operator.events.listEvents({ pageSize: 1_000 });
  expect(events.filter(({ message }) => message.includes("shop"))).toEqual([]);
  const types = events.map(({ type }) => type);
  for (const type of ["cluster.created", "container.created", "migration.started", "migration.completed"]) {
    expect(types).toContain(type);
  }
});
