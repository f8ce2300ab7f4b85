import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  AlertState,
  ContainerType,
  DutyState,
  NPlusOnePolicy,
  PlacementStrategy,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AlertService,
  ClusterService,
  ContainerService,
  EventService,
  NodeService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";
import type { PublicPlane } from "./start-public-plane.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: PublicPlane;
let planeRig: RuntimePlaneRig;
let token: string;
let nodes: Client<typeof NodeService>;
let alerts: Client<typeof AlertService>;
let clusters: Client<typeof ClusterService>;
let containers: Client<typeof ContainerService>;
let transport: Transport;

beforeEach(async () => {
  rig = await fleetRig(2);
  planeRig = await startRuntimePlaneRig(rig);
  ({ plane, token, transport } = planeRig);
  nodes = createClient(NodeService, transport);
  alerts = createClient(AlertService, transport);
  clusters = createClient(ClusterService, transport);
  containers = createClient(ContainerService, transport);
});
afterEach(async () => {
  await planeRig.close();
  await rig.close();
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

test("labels are set and taken away by name over REST, and what is no label is refused whole", async () => {
  const change = (body: unknown) => rest("PATCH", "/api/v1/nodes/node-1", body);
  expect((await change({ setLabels: { zone: "east", disk: "" } })).body).toMatchObject({
    node: { labels: { zone: "east", disk: "" }, priority: 10 },
  });
  expect((await change({ setLabels: { gpu: "a100" }, removeLabels: ["disk"], priority: 4 })).body).toMatchObject({
    node: { labels: { zone: "east", gpu: "a100" }, priority: 4 },
  });
  const wrong = [
    { "a b": "x" },
    { "": "x" },
    { "-a": "x" },
    { ["x".repeat(64)]: "x" },
    { zone: "east\u0000" },
    { zone: "ö" },
  ];
  for (const setLabels of wrong) {
    const refused = await change({ setLabels, priority: 9 });
    expect([refused.status, refused.body]).toMatchObject([400, { error: { code: "invalid_argument" } }]);
  }
  expect((await change({ setLabels: { zone: "west" }, removeLabels: ["zone"] })).status).toBe(400);
  const { node } = await nodes.getNode({ id: "node-1" });
  expect([node?.labels, node?.priority]).toEqual([{ zone: "east", gpu: "a100" }, 4]);
});

test("a node is revoked by name, and removed once it is dead", async () => {
  const [first = ""] = rig.nodeIds;
  const serving = await rest("DELETE", "/api/v1/nodes/node-1");
  expect([serving.status, serving.body]).toMatchObject([409, { error: { code: "node_not_dead" } }]);
  const revoked = await rest("POST", "/api/v1/nodes/node-1/revoke", {});
  expect([revoked.status, revoked.body]).toMatchObject([200, { node: { revokedAt: expect.stringMatching(/^20/) } }]);
  rig.agents.powerOff(first);
  await rig.pass(20_000);
  expect((await rest("DELETE", "/api/v1/nodes/node-1")).status).toBe(200);
  expect((await rest("GET", "/api/v1/nodes/node-1")).status).toBe(404);
  expect((await rest("DELETE", "/api/v1/nodes/node-1")).status).toBe(404);
  expect((await nodes.listNodes({})).nodes.map(({ name }) => name)).toEqual(["node-2"]);
});

test("a container is changed by name: what a copy is made with only while it is stopped, and all of a change or nothing", async () => {
  const made = await containers.createContainer({
    name: "web",
    eggId: "hello-http",
    environment: { GREETING: "hello" },
    resources: { cpuMillis: 100, memoryBytes: 1_048_576n * 16n },
  });
  await rig.settle();
  const change = (body: unknown) => rest("PATCH", "/api/v1/containers/web", body);
  const refused = await change({ type: "CONTAINER_TYPE_HA", restartPriority: "RESTART_PRIORITY_HIGH" });
  expect([refused.status, refused.body]).toMatchObject([409, { error: { code: "not_stopped" } }]);
  expect((await containers.getContainer({ id: "web" })).container).toMatchObject({
    type: ContainerType.STANDARD,
    restartPriority: made.container?.restartPriority,
  });
  expect((await change({ restartPriority: "RESTART_PRIORITY_HIGH", preferredCluster: "local" })).body).toMatchObject({
    container: { restartPriority: "RESTART_PRIORITY_HIGH", preferredClusterId: rig.clusterId },
  });
  await containers.stopContainer({ id: "web" });
  await rig.settle();
  const body = {
    type: "CONTAINER_TYPE_HA",
    resources: { cpuMillis: 200 },
    setEnvironment: { GREETING: "good morning" },
    preferredCluster: "",
  };
  const changed = await change(body);
  expect([changed.status, changed.body]).toMatchObject([
    200,
    {
      container: {
        type: "CONTAINER_TYPE_HA",
        resources: { cpuMillis: 200, memoryBytes: "16777216" },
        environment: { GREETING: "good morning" },
      },
    },
  ]);
  expect((await containers.getContainer({ id: "web" })).container?.preferredClusterId).toBe("");
  expect((await change({ unsetEnvironment: ["GREETING"] })).body).toMatchObject({ container: { environment: {} } });
  for (const [wrong, field] of [
    [{ setEnvironment: { NOBODY: "x" } }, "set_environment.NOBODY"],
    [{ unsetEnvironment: ["a\u0000b"] }, "unset_environment"],
    [{ setEnvironment: { GREETING: "x" }, unsetEnvironment: ["GREETING"] }, "unset_environment"],
    [{ resources: { cpuMillis: 4_000_000_000 } }, "resources.cpu_millis"],
    [{ preferredCluster: "nowhere" }, "preferred_cluster"],
    [{ crashesBeforeMove: 11 }, "crashes_before_move"],
    [{ constraints: { all: ["zone>a"] } }, "constraints"],
    [{ architectures: { any: ["AMD 64"] } }, "architectures"],
  ] as const) {
    const { status, body: said } = await change(wrong);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(said)).toContain(field);
  }
  const events = (await createClient(EventService, transport).listEvents({ latest: true, pageSize: 50 })).events;
  const told = events.filter(({ type }) => type === "container.updated").map(({ message }) => message);
  expect(told[0]).toContain("web was changed by token:admin: preferred cluster local, priority high (was normal)");
  expect(told.join()).not.toContain("good morning");
});

test("what an egg has lost stands in the way of the next copy alone, and the refusal names the way out", async () => {
  const resources = { cpuMillis: 100, memoryBytes: 1_048_576n * 16n };
  const environment = { GREETING: "hello" };
  await containers.createContainer({ name: "web", eggId: "hello-http", environment, resources, createStopped: true });
  await rig.settle();
  const lose = `update egg set definition = jsonb_set(definition, '{variables}', '[]') where id = 'hello-http'`;
  await rig.database.database.orm.em.fork().execute(lose);
  const change = (body: unknown) => rest("PATCH", "/api/v1/containers/web", body);
  expect((await change({ restartPriority: "RESTART_PRIORITY_HIGH" })).status).toBe(200);
  const refused = await change({ resources: { cpuMillis: 200 } });
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([400, expect.stringContaining("--unset GREETING")]);
  const { body } = await change({ resources: { cpuMillis: 200 }, unsetEnvironment: ["GREETING"] });
  expect(body).toMatchObject({ container: { environment: {}, resources: { cpuMillis: 200 } } });
  // Asked once more nothing is other than it is: no event tells of it.
  const told = async () => (await createClient(EventService, transport).listEvents({ latest: true, pageSize: 1 })).asOf;
  const before = await told();
  expect((await change({ restartPriority: "RESTART_PRIORITY_HIGH", resources: { cpuMillis: 200 } })).status).toBe(200);
  expect(await told()).toBe(before);
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
  const all = await nodes.whatIf({});
  expect(all).toMatchObject({ holds: true, summary: "N+1 holds" });
  expect(all.asOf && timestampMs(all.asOf)).toBe(rig.clock.wallMs());
  await web("big-a", 1_500);
  await web("big-b", 1_500);
  await rig.settle();
  const lost = await nodes.whatIf({});
  expect(lost.holds).toBe(false);
  expect(lost.summary).toMatch(
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

test.each([
  ["of nothing", { leaseMs: 0 }, /above zero/],
  ["of too few heartbeats", { intervalMs: 100, leaseMs: 700 }, /below 8 heartbeats \(8 × 100 ms = 800 ms\)/],
  ["of more than an hour", { leaseMs: 3_600_001 }, /3600000/],
  ["of a year", { leaseMs: 31_536_000_000 }, /lease/i],
])("a lease %s is refused with the reason, and the policy stays as it is", async (_, figures, reason) => {
  const { cluster: before } = await clusters.getCluster({ id: "local" });
  const { status, body } = await rest("PATCH", "/api/v1/clusters/local", { policy: { profile: "custom", ...figures } });
  expect(status).toBe(400);
  expect(JSON.stringify(body)).toMatch(reason);
  const { cluster: after } = await clusters.getCluster({ id: "local" });
  expect(before?.heartbeatPolicy?.leaseMs).toBeGreaterThan(0);
  expect(after?.heartbeatPolicy).toEqual(before?.heartbeatPolicy);
});

test("a node's priority and a cluster's strategy are set by name, decide the next placement, and are refused out of range", async () => {
  expect((await nodes.getNode({ id: "node-2" })).node?.priority).toBe(10);
  const { node } = await nodes.updateNode({ id: "node-2", priority: 3 });
  expect(node).toMatchObject({ name: "node-2", priority: 3 });
  await web("web-a");
  await web("web-b");
  await rig.settle();
  for (const id of ["web-a", "web-b"]) {
    expect((await containers.getContainer({ id })).container?.nodeName).toBe("node-2");
  }
  const said = (await createClient(EventService, transport).listEvents({ pageSize: 1_000 })).events;
  expect(said.map(({ message }) => message)).toContain("node-2 has priority 3 (was 10) now, set by token:admin");
  expect(await code(nodes.updateNode({ id: "node-2", priority: 21 }))).toContain("invalid_argument");
  expect(await code(nodes.updateNode({ id: "nobody", priority: 1 }))).toContain("not_found");
  expect((await rest("PATCH", "/api/v1/nodes/node-2", { priority: 0 })).body).toMatchObject({
    node: { name: "node-2", priority: 0 },
  });

  const { cluster } = await clusters.updateCluster({ id: "local", placement: PlacementStrategy.BINPACK });
  expect(cluster?.placement).toBe(PlacementStrategy.BINPACK);
  const back = await rest("PATCH", "/api/v1/clusters/local", { placement: "PLACEMENT_STRATEGY_SPREAD" });
  expect(back.body).toMatchObject({ cluster: { placement: "PLACEMENT_STRATEGY_SPREAD" } });
});

test("a migration is previewed with target, candidates and time, over REST too, and none has begun", async () => {
  await web("web");
  await rig.settle();
  const { container } = await containers.getContainer({ id: "web" });
  const preview = await containers.previewMigration({ id: "web" });
  expect(preview.sourceNodeName).toBe(container?.nodeName);
  expect(preview.targetNodeName).toMatch(/^node-[12]$/);
  expect(preview.targetNodeName).not.toBe(container?.nodeName);
  expect(preview.downtimeTerms.map(({ name }) => name)).toEqual(["stop", "start"]);
  expect(preview.downtimeTerms.reduce((sum, { ms }) => sum + ms, 0)).toBe(preview.downtimeMs);
  expect(preview.decision?.candidates).toHaveLength(2);
  const shown = await rest("GET", `/api/v1/containers/web/migration-preview?target_node=${preview.targetNodeName}`);
  expect(shown.body).toMatchObject({ targetNodeName: preview.targetNodeName, resources: { cpuMillis: 100 } });
  expect(await code(containers.previewMigration({ id: "web", targetNode: container?.nodeName ?? "" }))).toContain(
    "same_node",
  );
  expect((await containers.listMigrationHistory({ id: "web" })).migrations).toEqual([]);
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
