import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Health, HealthCheckResponse_ServingStatus } from "@lormas/gen/grpc/health/v1/health_pb.ts";
import { ContainerStatus, ErrorDetailSchema, NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ContainerService, EventService, HealthService, NodeService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

const bearer = () => ({ authorization: `Bearer ${rig.token}` });
const transports = {
  connect: () => createConnectTransport({ baseUrl: rig.plane.url, httpVersion: "1.1", useBinaryFormat: false }),
  "connect over HTTP/2": () => createConnectTransport({ baseUrl: rig.plane.url, httpVersion: "2" }),
  grpc: () => createGrpcTransport({ baseUrl: rig.plane.url }),
  "grpc-web": () => createGrpcWebTransport({ baseUrl: rig.plane.url, httpVersion: "1.1" }),
};

for (const [protocol, transport] of Object.entries(transports)) {
  test(`${protocol}: a container is created, seen by name and id, listed, stopped and removed`, async () => {
    const client = createClient(ContainerService, transport());
    const name = `web-${protocol.replace(/[^a-z0-9]+/gi, "-").toLowerCase()}`;
    const headers = bearer();
    const { container } = await client.createContainer({ name, eggId: "hello-http" }, { headers });
    expect(container?.status).toBe(ContainerStatus.UNPLACED);
    expect((await client.getContainer({ id: name }, { headers })).container?.id).toBe(container?.id);
    expect((await client.getContainer({ id: container!.id }, { headers })).container?.name).toBe(name);
    const listed = await client.listContainers({}, { headers });
    expect(listed.containers.map((entry) => entry.name)).toContain(name);
    expect(listed.asOf).toBeGreaterThan(0n);
    await client.stopContainer({ id: name }, { headers });
    const gone = await client.deleteContainer({ id: name }, { headers });
    expect(gone.container?.status).toBe(ContainerStatus.REMOVING);
  });

  test(`${protocol}: an error carries code, message, field and next step`, async () => {
    const client = createClient(ContainerService, transport());
    const failed = await client
      .createContainer({ name: "other", eggId: "no-such-egg" }, { headers: bearer() })
      .then(() => null, ConnectError.from);
    expect(failed?.code).toBe(Code.NotFound);
    expect(failed?.findDetails(ErrorDetailSchema)[0]).toMatchObject({
      code: "unknown_egg",
      field: "egg_id",
      retryable: false,
      nextStep: expect.stringContaining("List the eggs"),
    });
  });

  test(`${protocol}: a watch opens, then brings every change with what it touched, and health`, async () => {
    const client = createClient(EventService, transport());
    const abort = new AbortController();
    const seen: string[] = [];
    for await (const { message } of client.watch({}, { headers: bearer(), signal: abort.signal })) {
      if (message.case === "opened") await rig.operations.commit([{ type: "a" }, { type: "b" }]);
      if (message.case === "change") seen.push(message.value.event!.type);
      else seen.push(message.case ?? "");
      if (seen.includes("b") && seen.includes("health")) break;
    }
    expect(seen[0]).toBe("opened");
    expect(seen.filter((entry) => entry !== "health")).toEqual(["opened", "a", "b"]);
  });
}

test("REST goes the same way as everything else", async () => {
  const answer = await fetch(`${rig.plane.url}/api/v1/nodes`, { headers: bearer() });
  expect(answer.status).toBe(200);
  const { nodes } = (await answer.json()) as { nodes: { name: string; status: string }[] };
  expect(nodes.map((node) => [node.name, node.status])).toEqual([
    ["node-1", "NODE_STATUS_HEALTHY"],
    ["node-2", "NODE_STATUS_HEALTHY"],
  ]);
  const refused = await fetch(`${rig.plane.url}/api/v1/nodes`);
  expect(refused.status).toBe(401);
  expect(await refused.json()).toMatchObject({ error: { code: "unauthenticated" } });
});

test("node views show capacity, sums and the freshest sign of life", async () => {
  const client = createClient(NodeService, transports.grpc());
  const nodeId = "00000000-0000-4000-8000-000000000011";
  rig.operations.live = [
    { nodeId, lastHeartbeatWallMs: 32_503_680_000_000, usage: { cpuMillis: 7, memoryBytes: 8, diskBytes: 9 } },
  ];
  const { node } = await client.getNode({ id: "node-1" }, { headers: bearer() });
  expect(node).toMatchObject({
    id: nodeId,
    clusterName: "local",
    status: NodeStatus.HEALTHY,
    usage: { cpuMillis: 7, memoryBytes: 8n, diskBytes: 9n },
    lastHeartbeat: { seconds: 32_503_680_000n },
  });
  rig.operations.live = [];
});

test("health answers from loopback without credentials, and gRPC's health service serves", async () => {
  const health = await createClient(HealthService, transports.connect()).getHealth({});
  expect(health).toMatchObject({ status: "ok", leader: true, databaseReady: true, version: "0.0.0-test" });
  const { status } = await createClient(Health, transports.grpc()).check({});
  expect(status).toBe(HealthCheckResponse_ServingStatus.SERVING);
});

test("probes say live and ready", async () => {
  for (const path of ["/health/live", "/health/ready", "/health"]) {
    const answer = await fetch(rig.plane.url + path);
    expect([path, answer.status, await answer.json()]).toEqual([path, 200, { status: "ok" }]);
  }
});
