import { type Client, createClient } from "@connectrpc/connect";
import { ClusterService, ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { deterministicId } from "../runtime/deterministic-id.ts";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { JoinTokenStore } from "../store/join-token-store.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// What is asked of nodes, and of those that want to be some, on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let planeRig: RuntimePlaneRig;
let clusters: Client<typeof ClusterService>;
let containers: Client<typeof ContainerService>;

beforeEach(async () => {
  rig = await fleetRig(2);
  planeRig = await startRuntimePlaneRig(rig);
  clusters = createClient(ClusterService, planeRig.transport);
  containers = createClient(ContainerService, planeRig.transport);
});
afterEach(async () => {
  await planeRig.close();
  await rig.close();
});

const rest = async (method: string, path: string, body?: unknown) => {
  const answer = await fetch(`${planeRig.plane.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${planeRig.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, never> };
};

test("what a container demands of its node is set, shown with what its node lacks, and taken back over REST", async () => {
  await rest("PATCH", "/api/v1/nodes/node-1", { setLabels: { zone: "east" } });
  await rest("PATCH", "/api/v1/nodes/node-2", { setLabels: { zone: "west" } });
  const wish = { name: "picky", eggId: "hello-http", constraints: ["zone == west"], architectures: ["x86_64"] };
  const made = await rest("POST", "/api/v1/containers", wish);
  expect([made.status, made.body]).toMatchObject([
    200,
    { container: { constraints: ["zone=west"], architectures: ["amd64"] } },
  ]);
  await rig.settle();
  expect((await containers.getContainer({ id: "picky" })).container).toMatchObject({
    nodeName: "node-2",
    unmetDemand: "",
  });
  const moved = await rest("PATCH", "/api/v1/nodes/node-2", { setLabels: { zone: "north" } });
  expect(JSON.stringify(moved.body)).toContain("1 container stays on node-2");
  expect((await containers.getContainer({ id: "picky" })).container?.unmetDemand).toBe(
    "zone=west is demanded, the node's zone does not meet it",
  );
  const changed = await rest("PATCH", "/api/v1/containers/picky", { constraints: { all: [] } });
  expect(changed.body).toMatchObject({ container: { architectures: ["amd64"] } });
  expect((await containers.getContainer({ id: "picky" })).container).toMatchObject({
    constraints: [],
    unmetDemand: "",
  });
  await containers.deleteContainer({ id: "picky" });
  await rig.settle();
  const wrong = await rest("POST", "/api/v1/containers", { ...wish, constraints: ["zone in (a,)"] });
  expect([wrong.status, wrong.body]).toMatchObject([
    400,
    { error: { code: "invalid_argument", field: "constraints", message: expect.stringContaining("an empty value") } },
  ]);
});

test("a node that awaits approval is shown with its key, let in with it, or turned away, over REST", async () => {
  const key = `SHA256:${"k".repeat(43)}`;
  const ask = (number: number) =>
    rig.runtime().operations.awaitApproval({
      ...{ nodeId: deterministicId("claims", number), name: `host-${number}`, agentVersion: "0.1.0" },
      ...{ tokenHash: `claim-${number}`, keyFingerprint: key, address: "192.0.2.7" },
    });
  for (const number of [1, 2]) {
    const createdAtMs = rig.clock.wallMs();
    await new JoinTokenStore(rig.database.database).create({
      ...{ secretHash: `claim-${number}`, clusterId: rig.clusterId, createdBy: "test", needsApproval: true },
      ...{ createdAtMs, expiresAtMs: createdAtMs + 600_000 },
    });
    await ask(number);
  }
  expect((await rest("GET", "/api/v1/nodes/host-1")).body).toMatchObject({
    node: { status: "NODE_STATUS_PENDING", address: "192.0.2.7", approval: { keyFingerprint: key } },
  });
  const wrong = await rest("POST", "/api/v1/nodes/host-1/approve", { keyFingerprint: `SHA256:${"x".repeat(43)}` });
  expect([wrong.status, wrong.body]).toMatchObject([400, { error: { field: "key_fingerprint" } }]);
  const approved = await rest("POST", "/api/v1/nodes/host-1/approve", { keyFingerprint: key });
  expect(approved.status).toBe(200);
  expect(approved.body["node"]).not.toHaveProperty("approval");
  expect((await rest("POST", "/api/v1/nodes/host-2/deny", {})).status).toBe(200);
  expect((await rest("GET", "/api/v1/nodes/host-2")).status).toBe(404);
  const again = await rest("POST", "/api/v1/nodes/node-1/deny", {});
  expect([again.status, again.body]).toMatchObject([409, { error: { code: "not_awaiting_approval" } }]);
  expect([await ask(1), await ask(2)]).toEqual([{ kind: "approved" }, { kind: "gone" }]);
});

test("a node is renamed over REST, and one that serves is refused another cluster", async () => {
  expect((await rest("PATCH", "/api/v1/nodes/node-1", { name: "web-1" })).body).toMatchObject({
    node: { id: rig.nodeIds[0], name: "web-1" },
  });
  await clusters.createCluster({ name: "hall-2" });
  const moved = await rest("PATCH", "/api/v1/nodes/web-1", { cluster: "hall-2" });
  expect([moved.status, moved.body]).toMatchObject([409, { error: { code: "node_not_dead", field: "cluster" } }]);
  expect((await rest("PATCH", "/api/v1/nodes/web-1", { cluster: "nowhere" })).body).toMatchObject({
    error: { code: "unknown_cluster", field: "cluster" },
  });
});
