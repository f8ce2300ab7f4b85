import { Code, ConnectError } from "@connectrpc/connect";
import type { Change, WatchResponse } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WhatIfContainer } from "../domain/placement/what-if.ts";
import { CLUSTER_ID, NODE_1_ID } from "../store/test-fleet.ts";
import {
  ARENA_ALERT_ID,
  ARENA_JOB_ID,
  ARENA_MIGRATION_ID,
  type Client,
  GAMES_ALERT_ID,
  GAMES_ID,
  GAMES_NODE_ID,
  type ScopedRig,
  SHOP_JOB_ID,
  startScopedRig,
} from "./scoped-rig.ts";

let scoped: ScopedRig;
let developer: Client;
let developerToken = "";
let viewer: Client;

const blocker = { code: "no_target" as const, message: "no node has room" };
const arena = {
  ...{
    containerId: "a",
    containerName: "arena",
    startBudgetMs: 1_000,
    targetNodeId: null,
    targetNodeName: "",
    blocker,
  },
} satisfies WhatIfContainer;
const all = async () => ({
  asOfMs: 1_764_500_000_000,
  nodes: [
    { nodeId: GAMES_NODE_ID, nodeName: "games-1", clusterId: GAMES_ID, clusterName: "games" },
    { nodeId: NODE_1_ID, nodeName: "node-1", clusterId: CLUSTER_ID, clusterName: "local" },
  ].map((node) => ({ ...node, policy: "warn" as const, containers: 1, withoutPlace: [arena], waiting: 0 })),
});

beforeAll(async () => {
  scoped = await startScopedRig({
    whatIf: { one: () => ({ asOfMs: 0, containers: [arena], policy: LEASE_PROFILES.default }), all },
  });
  ({ api: developer, token: developerToken } = await scoped.holder("games-developer", "developer@cluster=games"));
  ({ api: viewer } = await scoped.holder("arena-viewer", "viewer@container=arena"));
});
afterAll(() => scoped.rig.close());

const sql = <Row extends object>(text: string, params: unknown[] = []): Promise<Row[]> =>
  scoped.rig.database.database.orm.em.fork().execute<Row[]>(text, params);

/** What a watch tells until `enough` says that it is; ended then. */
async function watched(api: Client, after: bigint, enough: (changes: readonly Change[]) => boolean): Promise<Change[]> {
  const changes: Change[] = [];
  const abort = new AbortController();
  try {
    for await (const { message } of api.events.watch({ after }, { signal: abort.signal })) {
      if (message.case === "change") changes.push(message.value);
      if (enough(changes)) break;
    }
  } finally {
    abort.abort();
  }
  return changes;
}

test("lists hold what may be seen, in full pages, and count nothing else", async () => {
  for (const [index, cluster] of ["games", "local", "games", "local", "games"].entries()) {
    const request = { name: `p${index}`, eggId: "hello-http", preferredCluster: cluster, createStopped: true };
    await scoped.admin.containers.createContainer(request);
  }
  const pages: string[][] = [];
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await developer.containers.listContainers({ pageSize: 2, pageToken });
    pages.push(page.containers.map(({ name }) => name));
    pageToken = page.nextPageToken;
  }
  expect(pages).toEqual([
    ["arena", "p0"],
    ["p2", "p4"],
  ]);
  const names = (things: readonly { readonly name: string }[]) => things.map(({ name }) => name);
  expect(names((await viewer.containers.listContainers({})).containers)).toEqual(["arena"]);
  expect(names((await developer.nodes.listNodes({})).nodes)).toEqual(["games-1"]);
  expect(names((await viewer.nodes.listNodes({})).nodes)).toEqual([]);
  expect(names((await developer.clusters.listClusters({})).clusters)).toEqual(["games"]);
  expect(names((await viewer.clusters.listClusters({})).clusters)).toEqual([]);
  const alerts = await developer.alerts.listAlerts({});
  expect(alerts.alerts.map(({ id }) => id).sort()).toEqual([ARENA_ALERT_ID, GAMES_ALERT_ID]);
  expect(alerts.openCount).toBe(2);
  expect((await viewer.alerts.listAlerts({})).openCount).toBe(1);
  expect((await scoped.admin.alerts.listAlerts({})).openCount).toBe(4);
  for (const api of [developer, viewer]) {
    const { migrations } = await api.migrations.listMigrations({ pageSize: 1 });
    expect(migrations.map(({ containerName }) => containerName)).toEqual(["arena"]);
  }
  expect((await scoped.admin.migrations.listMigrations({})).migrations).toHaveLength(2);
});

test("a list cannot be narrowed to what may not be seen", async () => {
  const code = async (call: Promise<unknown>) => ConnectError.from(await call.catch((error: unknown) => error)).code;
  expect(await code(developer.containers.listContainers({ node: "node-1" }))).toBe(Code.NotFound);
  expect(await code(developer.nodes.listNodes({ cluster: "local" }))).toBe(Code.NotFound);
  expect(await code(developer.events.listEvents({ container: "shop" }))).toBe(Code.NotFound);
  expect(await code(developer.events.listEvents({ node: "node-1" }))).toBe(Code.NotFound);
  expect(await code(developer.events.listEvents({ job: SHOP_JOB_ID }))).toBe(Code.NotFound);
  expect((await developer.events.listEvents({ job: ARENA_JOB_ID })).events).toEqual([]);
  expect(await code(developer.access.canI({ permission: "container:start", container: "shop" }))).toBe(Code.NotFound);
});

test("a container is of the cluster that it prefers and of the one that it is placed in", async () => {
  const { api } = await scoped.holder("local-viewer", "viewer@cluster=local");
  const seen = async () => (await api.containers.listContainers({})).containers.some(({ name }) => name === "arena");
  expect(await seen()).toBe(false);
  await sql("update container set node_id = ? where id = ?", [NODE_1_ID, scoped.arenaId]);
  expect(await seen()).toBe(true);
  expect((await developer.containers.getContainer({ id: "arena" })).container?.nodeName).toBe("node-1");
  await sql("update container set node_id = ? where id = ?", [GAMES_NODE_ID, scoped.arenaId]);
  expect(await seen()).toBe(false);
});

test("the ledger of a migration weighs no node that may not be seen", async () => {
  const weighed = async (api: Client) => {
    const { migration } = await api.migrations.getMigration({ id: ARENA_MIGRATION_ID });
    return migration?.decision?.candidates.map(({ nodeName }) => nodeName);
  };
  expect(await weighed(developer)).toEqual(["games-1"]);
  expect(await weighed(viewer)).toEqual([]);
  expect(await weighed(scoped.admin)).toHaveLength(3);
  const { migrations } = await developer.containers.listMigrationHistory({ id: "arena" });
  expect(migrations[0]?.decision?.candidates.map(({ nodeName }) => nodeName)).toEqual(["games-1"]);
});

test("events are listed and streamed where they may be seen, with nothing of elsewhere, and of what is gone as well", async () => {
  const { asOf } = await scoped.admin.events.listEvents({ latest: true, pageSize: 1 });
  const { rig, arenaId, shopId } = scoped;
  const { containerId: passingId } = await rig.operations.createContainer({
    ...{ name: "passing", eggId: "hello-http", ha: false, environment: {}, desired: "stopped", allowDataLoss: false },
    preferredClusterId: "00000000-0000-4000-8000-000000000002",
    resources: { cpuMillis: 100, memoryBytes: 2 ** 20, diskBytes: 2 ** 20 },
    spec: { ...(await specOfArena()) },
  } as Parameters<typeof rig.operations.createContainer>[0]);
  await rig.operations.commit([
    { type: "of-shop", containerId: shopId },
    { type: "of-node-1", nodeId: NODE_1_ID },
    { type: "of-nothing" },
    { type: "of-arena", containerId: arenaId, nodeId: NODE_1_ID },
    { type: "passed", containerId: passingId },
  ]);
  await sql("delete from container where id = ?", [passingId]);
  await rig.operations.commit([{ type: "of-games-1", nodeId: GAMES_NODE_ID }]);
  const types = async (api: Client) => (await api.events.listEvents({ after: asOf })).events.map(({ type }) => type);
  expect(await types(developer)).toEqual(["container.created", "of-arena", "passed", "of-games-1"]);
  expect(await types(viewer)).toEqual(["of-arena"]);
  expect(await types(scoped.admin)).toHaveLength(7);

  const changes = await watched(developer, asOf, (told) => told.at(-1)?.event?.type === "of-games-1");
  expect(changes.map(({ event }) => event?.type)).toEqual(await types(developer));
  // The chain has no hole for its watcher, though numbers are missing.
  expect(changes.map(({ follows }) => follows)).toEqual([
    asOf,
    ...changes.slice(0, -1).map(({ event }) => event?.sequence),
  ]);
  const ofArena = changes[1];
  expect([ofArena?.container?.name, ofArena?.node]).toEqual(["arena", undefined]);
  expect(changes[3]?.node?.name).toBe("games-1");
  const toViewer = await watched(viewer, asOf, (told) => told.length > 0);
  expect([toViewer[0]?.event?.type, toViewer[0]?.node]).toEqual(["of-arena", undefined]);

  // Its job is under way; shop's belongs to who sees shop, and to none who may see no jobs.
  const jobsOf = (told: readonly Change[]) => told.map(({ jobs }) => jobs.map(({ id }) => id));
  expect(jobsOf(changes)).toEqual([[], [ARENA_JOB_ID], [], []]);
  expect(jobsOf(toViewer)).toEqual([[ARENA_JOB_ID]]);
  const toAdmin = await watched(scoped.admin, asOf, (told) => told.length === 2);
  expect(jobsOf(toAdmin)).toEqual([[], [SHOP_JOB_ID]]);
  await scoped.admin.access.createRole({ name: "onlooker", grants: ["event:view", "container:view"] });
  const { api: onlooker } = await scoped.holder("onlooker", "onlooker@container=arena");
  const [toOnlooker] = await watched(onlooker, asOf, (told) => told.length > 0);
  expect([toOnlooker?.container?.name, toOnlooker?.jobs]).toEqual(["arena", []]);
});

test("what if a node dies is told of nodes that may be seen, and names containers only to those who may see them", async () => {
  const { admin, holder } = scoped;
  expect((await developer.nodes.whatIf({})).nodes.map(({ nodeName }) => nodeName)).toEqual(["games-1"]);
  expect((await developer.nodes.whatIf({ node: "games-1" })).nodes[0]?.withoutPlace).toEqual(["arena"]);
  await admin.access.createRole({ name: "node-watch", grants: ["node:view"] });
  const { api } = await holder("node-watch", "node-watch@cluster=games");
  for (const node of ["", "games-1"]) {
    const { nodes, summary } = await api.nodes.whatIf({ node });
    expect([nodes.length, nodes[0]?.withoutPlaceCount, nodes[0]?.withoutPlace, nodes[0]?.containers]).toEqual([
      1,
      1,
      [],
      [],
    ]);
    expect(summary).toBe("N+1 does not hold: if games-1 dies, 1 container would be without a place");
  }
});

test("health tells of the nodes that may be seen", async () => {
  const { plane } = scoped.rig;
  const headers = { authorization: `Bearer ${developerToken}`, "x-forwarded-for": "198.51.100.7" };
  const health = (await (await fetch(`${plane.url}/api/v1/health`, { headers })).json()) as {
    nodes: { name: string }[];
  };
  expect(health.nodes.map(({ name }) => name)).toEqual(["games-1"]);
  const abort = new AbortController();
  let sample: WatchResponse["message"] | null = null;
  for await (const { message } of developer.events.watch({}, { signal: abort.signal })) {
    if (message.case !== "health") continue;
    sample = message;
    break;
  }
  abort.abort();
  expect(sample?.case === "health" && sample.value.nodes.map(({ name }) => name)).toEqual(["games-1"]);
});

async function specOfArena() {
  const [row] = await sql<{ spec: object }>("select spec from container where name = 'arena'");
  return row?.spec;
}
