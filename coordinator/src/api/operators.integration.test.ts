import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AlertState, ContainerType, DutyState, NPlusOnePolicy } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AlertService,
  ClusterService,
  ContainerService,
  EventService,
  NodeService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import pino from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seedEggs } from "../eggs/seed-eggs.ts";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { type PublicPlane, startPublicPlane } from "./start-public-plane.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: PublicPlane;
let dataDir: string;
let token: string;
let nodes: Client<typeof NodeService>;
let alerts: Client<typeof AlertService>;
let clusters: Client<typeof ClusterService>;
let containers: Client<typeof ContainerService>;
let transport: Transport;

beforeEach(async () => {
  rig = await fleetRig(2);
  dataDir = await mkdtemp(join(tmpdir(), "lormas-operators-"));
  await seedEggs(rig.database.database, systemClock);
  const runtime = rig.runtime();
  plane = await startPublicPlane({
    listen: { host: "127.0.0.1", port: 0 },
    database: rig.database.database,
    databaseUrl: rig.database.url,
    operations: runtime.operations,
    operators: runtime.operators,
    clusters: runtime.clusters,
    whatIf: runtime.whatIf,
    status: runtime,
    link: rig.agents,
    createJoinToken: () => Promise.reject(new Error("not asked for here")),
    clock: systemClock,
    log: pino({ level: "silent" }),
    dataDir,
    version: "0.0.0-test",
    administrator: { email: "admin@lormas.test", password: "a long enough password" },
    dashboardHandler: join(dataDir, "no-such-handler.js"),
  });
  token = (await readFile(plane.adminTokenPath, "utf8")).trim();
  transport = createConnectTransport({
    baseUrl: plane.url,
    httpVersion: "1.1",
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  nodes = createClient(NodeService, transport);
  alerts = createClient(AlertService, transport);
  clusters = createClient(ClusterService, transport);
  containers = createClient(ContainerService, transport);
});
afterEach(async () => {
  await plane.stop();
  await rig.close();
  await rm(dataDir, { recursive: true, force: true });
});

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "",
    (error: ConnectError) => JSON.stringify(error.details),
  );
const rest = async (method: string, path: string, body?: unknown) => {
  const answer = await fetch(`${plane.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, never> };
};
const web = (name: string, cpuMillis = 100) =>
  containers.createContainer({
    name,
    eggId: "hello-http",
    type: ContainerType.HA,
    resources: { cpuMillis, memoryBytes: 1_048_576n * 16n },
  });

test("a drain is asked for by name, its progress is the node's, and REST tells the same", async () => {
  await web("web");
  await rig.settle();
  const { container } = await containers.getContainer({ id: "web" });
  const source = container?.nodeName ?? "";
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.agents.held = promise;
  const { node, warnings } = await nodes.drainNode({ id: source });
  expect(node?.duty?.state).toBe(DutyState.DRAINING);
  expect(node?.duty?.items).toMatchObject([{ containerName: "web", state: "moving" }]);
  expect(warnings.join()).toMatch(/if node-[12] dies, web would be without a place/);
  resolve();
  await rig.settle();
  expect((await nodes.getNode({ id: source })).node?.duty).toMatchObject({ state: DutyState.DRAINED, moved: 1 });
  const shown = await rest("GET", `/api/v1/nodes/${source}`);
  expect(shown.body).toMatchObject({
    node: { duty: { state: "DUTY_STATE_DRAINED", moved: 1, requestedBy: "token:admin" } },
  });
  expect((await rest("POST", `/api/v1/nodes/${source}/uncordon`, {})).status).toBe(200);
  const back = await rest("POST", `/api/v1/nodes/${source}/end-maintenance`, {});
  expect([back.status, back.body]).toMatchObject([409, { error: { code: "not_in_maintenance" } }]);
  expect((await rest("POST", "/api/v1/nodes/nobody/drain", {})).status).toBe(404);
});

test("a maintenance counts its seconds from now and refuses what is out of range", async () => {
  const { node } = await nodes.startMaintenance({ id: "node-1", durationSeconds: 3_600, failback: true });
  await rig.settle();
  expect(node?.duty).toMatchObject({ maintenance: true, failback: true });
  const untilMs = Number(node?.duty?.until?.seconds ?? 0n) * 1_000;
  expect(Math.abs(untilMs - systemClock.wallMs() - 3_600_000)).toBeLessThan(60_000);
  expect(await code(nodes.startMaintenance({ id: "node-1", durationSeconds: 31_536_001 }))).toContain(
    "invalid_argument",
  );
  expect((await nodes.endMaintenance({ id: "node-1" })).node?.duty?.state).toBe(DutyState.IN_SERVICE);
});

test("what if answers for one node with targets and the bound's terms, and for all with one sentence", async () => {
  await web("web");
  await rig.settle();
  const { container } = await containers.getContainer({ id: "web" });
  const one = await nodes.whatIf({ node: container?.nodeName ?? "" });
  expect(one).toMatchObject({ holds: true, summary: `N+1 holds for ${container?.nodeName}` });
  const [found] = one.nodes[0]?.containers ?? [];
  expect(found?.targetNodeName).toMatch(/^node-[12]$/);
  expect(found?.targetNodeName).not.toBe(container?.nodeName);
  expect(found?.downtimeMs).toBe(container?.failoverBoundMs);
  expect(found?.downtimeTerms.map(({ name }) => name)).toEqual(["wait", "heartbeat", "decision", "start"]);
  expect(found?.downtimeTerms.reduce((sum, { ms }) => sum + ms, 0)).toBe(found?.downtimeMs);
  expect(await nodes.whatIf({})).toMatchObject({ holds: true, summary: "N+1 holds" });
  await web("big-a", 1_500);
  await web("big-b", 1_500);
  await rig.settle();
  const all = await nodes.whatIf({});
  expect(all.holds).toBe(false);
  expect(all.summary).toMatch(
    /^N\+1 does not hold: if node-1 dies, .*big-. would be without a place; nor for 1 more node$/,
  );
  expect(await code(nodes.whatIf({ node: "nobody" }))).toContain("not_found");
});

test("the cluster's policy is changed by name and holds at once", async () => {
  await web("big-a", 1_500);
  await rig.settle();
  const { cluster } = await clusters.updateCluster({ id: "local", nPlusOne: NPlusOnePolicy.REFUSE });
  expect(cluster?.nPlusOne).toBe(NPlusOnePolicy.REFUSE);
  expect(await code(web("big-b", 1_500))).toContain("n_plus_one_lost");
  const patched = await rest("PATCH", "/api/v1/clusters/local", { nPlusOne: "N_PLUS_ONE_POLICY_WARN" });
  expect(patched.status).toBe(200);
  expect((await web("big-b", 1_500)).warnings).toHaveLength(2);
  expect((await rest("PATCH", "/api/v1/clusters/local", { nPlusOne: "N_PLUS_ONE_POLICY_UNSPECIFIED" })).status).toBe(
    400,
  );
});

test("a cluster's limits of migrations are changed one by one, within bounds, and stay when nothing is said of them", async () => {
  const { cluster: before } = await clusters.getCluster({ id: "local" });
  expect(before?.migrationLimits).toMatchObject({
    migrationsAtOnce: 20,
    migrationsPerTarget: 5,
    failoversPerTarget: 32,
  });
  const { cluster } = await clusters.updateCluster({ id: "local", migrationLimits: { migrationsPerTarget: 2 } });
  expect(cluster?.migrationLimits).toMatchObject({
    migrationsAtOnce: 20,
    migrationsPerTarget: 2,
    failoversPerTarget: 32,
  });
  await clusters.updateCluster({ id: "local", description: "the first" });
  const { cluster: after } = await clusters.getCluster({ id: "local" });
  expect(after).toMatchObject({ description: "the first", migrationLimits: { migrationsPerTarget: 2 } });
  for (const migrationLimits of [{ migrationsAtOnce: 0 }, { migrationsAtOnce: 1_001 }, { migrationsPerTarget: 101 }]) {
    const refused = await rest("PATCH", "/api/v1/clusters/local", { migrationLimits });
    expect(refused.status).toBe(400);
  }
  const patched = await rest("PATCH", "/api/v1/clusters/local", { migrationLimits: { migrationsAtOnce: 1_000 } });
  expect(patched.status).toBe(200);
});

test("alerts are listed in pages, counted, taken on by name, and come with the events that touch them", async () => {
  const seen: string[] = [];
  const over = new AbortController();
  const watching = (async () => {
    const events = createClient(EventService, transport);
    for await (const { message } of events.watch({ after: 0n }, { signal: over.signal })) {
      if (message.case === "change" && message.value.alert) {
        seen.push(`${message.value.event?.type} ${message.value.alert.kind} ${message.value.alert.subjectName}`);
      }
    }
  })().catch(() => undefined);
  const [first = "", second = ""] = rig.nodeIds;
  rig.agents.powerOff(first);
  await rig.pass(9_000);
  await rig.agents.connect(second, { guarded: false });
  await rig.settle();
  const page = await alerts.listAlerts({ pageSize: 1 });
  expect([page.alerts.length, page.openCount]).toEqual([1, 2]);
  const rest2 = await alerts.listAlerts({ pageSize: 1, pageToken: page.nextPageToken });
  expect([...page.alerts, ...rest2.alerts].map(({ subjectName }) => subjectName)).toEqual(["node-2", "node-1"]);
  expect(await code(alerts.listAlerts({ pageToken: "x" }))).toContain("invalid_argument");
  const id = page.alerts[0]?.id ?? "";
  const { alert } = await alerts.acknowledgeAlert({ id });
  expect(alert).toMatchObject({
    state: AlertState.ACKNOWLEDGED,
    acknowledgedBy: "token:admin",
    kind: "node_unguarded",
  });
  expect((await alerts.listAlerts({})).openCount).toBe(1);
  await rig.agents.connect(second);
  await rig.settle();
  expect((await alerts.getAlert({ id })).alert?.state).toBe(AlertState.RESOLVED);
  expect(await code(alerts.acknowledgeAlert({ id }))).toContain("not_found");
  expect((await alerts.listAlerts({})).alerts).toHaveLength(1);
  expect((await alerts.listAlerts({ includeResolved: true })).alerts).toHaveLength(2);
  await expect
    .poll(() => seen, { timeout: 5_000 })
    .toEqual([
      "alert.opened node_dead node-1",
      "alert.opened node_unguarded node-2",
      "alert.acknowledged node_unguarded node-2",
      "alert.resolved node_unguarded node-2",
    ]);
  over.abort();
  await watching;
});

test("nobody who is not signed in sees or decides anything", async () => {
  for (const [method, path] of [
    ["GET", "/api/v1/alerts"],
    ["GET", "/api/v1/what-if"],
    ["POST", "/api/v1/nodes/node-1/drain"],
    ["PATCH", "/api/v1/clusters/local"],
  ] as const) {
    const answer = await fetch(`${plane.url}${path}`, { method, headers: { "content-type": "application/json" } });
    expect(answer.status).toBe(401);
    await answer.body?.cancel();
  }
  expect(rig.runtime().state.node(rig.nodeIds[0] ?? "")?.duty.value).toBe("in_service");
});
