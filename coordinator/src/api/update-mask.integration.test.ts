import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { EggDraftSchema } from "@lormas/gen/lormas/api/v1/egg_draft_pb.ts";
import {
  ContainerType,
  ErrorDetailSchema,
  NPlusOnePolicy,
  RestartPriority,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AccessService,
  ClusterService,
  ContainerService,
  EggService,
  NodeService,
  UpdateClusterRequestSchema,
  UpdateContainerRequestSchema,
  UpdateNodeRequestSchema,
  UpdateRoleRequestSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: RuntimePlaneRig;
let containers: Client<typeof ContainerService>;
let clusters: Client<typeof ClusterService>;
let nodes: Client<typeof NodeService>;
let access: Client<typeof AccessService>;
let eggs: Client<typeof EggService>;

// One fleet for all: each test has things of its own.
beforeAll(async () => {
  rig = await fleetRig(1);
  plane = await startRuntimePlaneRig(rig);
  containers = createClient(ContainerService, plane.transport);
  clusters = createClient(ClusterService, plane.transport);
  nodes = createClient(NodeService, plane.transport);
  access = createClient(AccessService, plane.transport);
  eggs = createClient(EggService, plane.transport);
  await containers.createContainer({
    ...{ name: "web", eggId: "hello-http", type: ContainerType.HA, preferredCluster: "local", createStopped: true },
    ...{ restartPriority: RestartPriority.HIGH, crashesBeforeMove: 5, allowDataLoss: true },
    ...{ constraints: ["zone=east"], architectures: ["arm64"], environment: { GREETING: "hello" } },
  });
  await clusters.createCluster({
    name: "hall-2",
    description: "there",
    policy: { profile: "fast" },
    autoMigrate: false,
  });
  await access.createRole({ name: "crew", description: "on board", grants: ["job:view"], includes: ["viewer"] });
});
afterAll(async () => {
  await plane.close();
  await rig.close();
});

/** Standard fields, which are no part of what is updated. */
const STANDARD = ["id", "etag", "update_mask", "validate_only"];

test.each([
  ["container", UpdateContainerRequestSchema, () => containers.updateContainer({ id: "web", updateMask: ["nmae"] })],
  ["cluster", UpdateClusterRequestSchema, () => clusters.updateCluster({ id: "hall-2", updateMask: ["nmae"] })],
  ["node", UpdateNodeRequestSchema, () => nodes.updateNode({ id: "node-1", updateMask: ["nmae"] })],
  ["egg", EggDraftSchema, () => eggs.updateEgg({ id: "hello-http", egg: {}, updateMask: ["nmae"] })],
  ["role", UpdateRoleRequestSchema, () => access.updateRole({ name: "crew", updateMask: ["nmae"] })],
] as const)(
  "the mask of an update of a %s may name each of its fields, and is told which where it names another",
  async (kind, schema, ask) => {
    const error = ConnectError.from(
      await (ask() as Promise<unknown>).then(
        () => expect.fail("granted"),
        (thrown: unknown) => thrown,
      ),
    );
    const [detail] = error.findDetails(ErrorDetailSchema);
    expect([detail?.code, detail?.field]).toEqual(["invalid_argument", "update_mask"]);
    const known = schema.fields.map(({ name }) => name).filter((name) => !STANDARD.includes(name));
    // A role is named by its name.
    const nameable = kind === "role" ? known.filter((name) => name !== "name") : known;
    expect(error.rawMessage.split(": ").at(-1)?.split(", ").sort()).toEqual(nameable.sort());
    expect(error.rawMessage).toContain('"nmae"');
  },
);

test("of a container what is named is changed, and cleared where it is absent; the rest stays whatever is given", async () => {
  const { container } = await containers.updateContainer({
    ...{ id: "web", crashesBeforeMove: 7, allowDataLoss: false, setEnvironment: { GREETING: "ignored" } },
    updateMask: ["crashes_before_move", "constraints"],
  });
  const untouched = {
    preferredClusterId: rig.clusterId,
    restartPriority: RestartPriority.HIGH,
    architectures: ["arm64"],
  };
  expect(container).toMatchObject({ ...untouched, crashesBeforeMove: 7, constraints: [] });
  expect(container?.environment).toMatchObject({ GREETING: "hello" });
  const cleared = await containers.updateContainer({
    id: "web",
    updateMask: ["preferredCluster", "restartPriority", "crashesBeforeMove", "allowDataLoss", "architectures"],
  });
  expect(cleared.container).toMatchObject({
    ...{ preferredClusterId: "", restartPriority: RestartPriority.NORMAL, crashesBeforeMove: 3, architectures: [] },
    type: ContainerType.HA,
  });
});

test("what of a container always has a value is not cleared, and nothing of that update is done", async () => {
  const before = (await containers.getContainer({ id: "web" })).container;
  for (const path of ["type", "resources"]) {
    const update = containers.updateContainer({
      id: "web",
      crashesBeforeMove: 9,
      updateMask: ["crashes_before_move", path],
    });
    await expect(update).rejects.toThrow(`${path}: update_mask names it and it is absent`);
  }
  expect((await containers.getContainer({ id: "web" })).container).toEqual(before);
});

test("of a cluster what is named and absent becomes what it is in a new one", async () => {
  const { cluster } = await clusters.updateCluster({
    ...{
      id: "hall-2",
      nPlusOne: NPlusOnePolicy.REFUSE,
      floatingImages: true,
      migrationLimits: { migrationsAtOnce: 7 },
    },
    updateMask: ["n_plus_one", "migration_limits", "description"],
  });
  const untouched = { autoMigrate: false, floatingImages: false, heartbeatPolicy: { profile: "fast" } };
  expect(cluster).toMatchObject({ ...untouched, description: "", nPlusOne: NPlusOnePolicy.REFUSE });
  expect(cluster?.migrationLimits?.migrationsAtOnce).toBe(7);
  const fields = UpdateClusterRequestSchema.fields.map(({ name }) => name).filter((name) => !STANDARD.includes(name));
  const cleared = await clusters.updateCluster({ id: "hall-2", updateMask: fields });
  const fresh = await clusters.createCluster({ name: "fresh" });
  expect({ ...cleared.cluster, id: "", name: "" }).toEqual({ ...fresh.cluster, id: "", name: "" });
});

test("of a node a priority is cleared, labels change as they are given, and the rest stays", async () => {
  await nodes.updateNode({ id: "node-1", priority: 3, setLabels: { zone: "east", disk: "nvme" } });
  const { node } = await nodes.updateNode({
    ...{ id: "node-1", name: "ignored", setLabels: { zone: "west" }, removeLabels: ["disk"] },
    updateMask: ["priority", "set_labels"],
  });
  expect(node).toMatchObject({ name: "node-1", priority: 10, labels: { zone: "west", disk: "nvme" } });
});

test("a trial of an update goes by its mask", async () => {
  const request = { id: "node-1", priority: 7, setLabels: { zone: "north" }, updateMask: ["priority"] };
  const foretold = await nodes.updateNode({ ...request, validateOnly: true });
  expect(foretold.node).toMatchObject({ priority: 7, labels: { zone: "west" } });
  expect((await nodes.getNode({ id: "node-1" })).node?.priority).toBe(10);
});
