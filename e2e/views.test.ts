import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { toJson } from "@bufbuild/protobuf";
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { type Migration, MigrationSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { HealthService, MigrationService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../lab/src/until.ts";
import { EventRecord } from "./fleet/event-record.ts";
import { Fleet } from "./fleet/fleet.ts";
import { copiesOf } from "./fleet/fleet-processes.ts";

const run = promisify(execFile);
const buf = join(fileURLToPath(new URL("../node_modules/.bin/", import.meta.url)), "buf");

let fleet: Fleet;
let whole: EventRecord;
let broken: EventRecord;
/** The migration that all the tests look at. */
let migrationId: string;
let startedAt: bigint;

beforeAll(async () => {
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "fast" } });
  startedAt = (await fleet.api().containers.listContainers({})).asOf;
  whole = new EventRecord(() => fleet.api(), startedAt);
  whole.connect();
  broken = new EventRecord(() => fleet.api(), startedAt);
  broken.connect();
});
afterAll(async () => {
  await whole?.disconnect();
  await broken?.disconnect();
  await fleet?.dispose();
});

/** What a planned move goes through. */
const STATES = [
  ...["choosing", "preparing", "stopping_source", "transferring"],
  ...["starting", "verifying", "committing", "cleaning_up"],
];

type Json = Readonly<Record<string, unknown>>;
const thing = (body: Json, name: string): Json => body[name] as Json;
const things = (body: Json, name: string): readonly Json[] => body[name] as readonly Json[];

test("a container is created, moved, and answers from its new node, over REST alone, snake_case in and lowerCamelCase out", async () => {
  const rest = fleet.rest();
  const created = await rest.post("/api/v1/containers", {
    name: "seen",
    egg_id: "hello-http",
    type: "CONTAINER_TYPE_HA",
    preferred_cluster: "local",
    environment: { GREETING: "moin" },
  });
  expect(created.status).toBe(200);
  expect(thing(created.body, "container")).toMatchObject({
    name: "seen",
    eggId: "hello-http",
    desiredState: expect.any(String),
  });
  const before = await fleet.container("seen", "RUNNING");
  const target = ["node-1", "node-2", "node-3"].find((name) => name !== before.nodeName);
  const begun = await rest.post("/api/v1/containers/seen/migrate", { target_node: target });
  expect(begun.status).toBe(200);
  expect(thing(begun.body, "migration")).toMatchObject({
    containerName: "seen",
    sourceNodeName: before.nodeName,
    trigger: "MIGRATION_TRIGGER_MANUAL",
    outcome: "MIGRATION_OUTCOME_RUNNING",
  });
  migrationId = String(thing(begun.body, "migration")["id"]);

  // One watcher loses its connection in the middle and comes back later.
  await broken.seen("the migration's first state", 20_000, ({ event }) => event?.type === "migration.state");
  await broken.disconnect();
  await until("the migration has completed", 60_000, async () => {
    const { body } = await rest.get(`/api/v1/migrations/${migrationId}`);
    return thing(body, "migration")["outcome"] === "MIGRATION_OUTCOME_COMPLETED";
  });
  const after = await fleet.container("seen", "RUNNING");
  expect(after.nodeName).toBe(target);
  expect(Number(after.epoch)).toBe(Number(before.epoch) + 1);
  const [endpoint] = after.endpoints;
  const page = await fetch(`http://${endpoint?.address}:${endpoint?.port}/`);
  expect(await page.text()).toBe(`moin from ${target} epoch ${after.epoch} container seen\n`);
  expect(copiesOf(fleet.processes(), "seen")).toHaveLength(1);
});

test("REST, Connect, gRPC, gRPC-Web and buf curl by reflection show the same migration", async () => {
  const { body } = await fleet.rest().get("/api/v1/containers/seen/migration-history");
  const [byRest] = things(body, "migrations");
  expect(byRest).toMatchObject({ id: migrationId, outcome: "MIGRATION_OUTCOME_COMPLETED", state: "completed" });

  const signIn: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${fleet.token}`);
    return next(request);
  };
  const options = { baseUrl: fleet.httpUrl, interceptors: [signIn] };
  const transports: Record<string, Transport> = {
    "Connect over HTTP/1.1": createConnectTransport({ ...options, httpVersion: "1.1" }),
    "Connect over HTTP/2": createConnectTransport({ ...options, httpVersion: "2" }),
    "gRPC over h2c": createGrpcTransport(options),
    "gRPC-Web": createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
  };
  for (const [name, transport] of Object.entries(transports)) {
    const { migration } = await createClient(MigrationService, transport).getMigration({ id: migrationId });
    expect(toJson(MigrationSchema, migration as Migration, { alwaysEmitImplicit: true }), name).toEqual(byRest);
    const health = await createClient(HealthService, transport).getHealth({});
    expect(health.nodes.map((node) => node.name).sort(), name).toEqual(["node-1", "node-2", "node-3"]);
  }

  for (const protocol of ["grpc", "grpcweb", "connect"]) {
    const { stdout } = await run(
      buf,
      [
        ...["curl", "--http2-prior-knowledge", "--protocol", protocol, "--emit-defaults"],
        ...[
          "--header",
          `authorization: Bearer ${fleet.token}`,
          "--reflect-header",
          `authorization: Bearer ${fleet.token}`,
        ],
        ...["--data", JSON.stringify({ id: migrationId })],
        `${fleet.httpUrl}/lormas.api.v1.MigrationService/GetMigration`,
      ],
      { timeout: 30_000 },
    );
    expect((JSON.parse(stdout) as Json)["migration"], protocol).toEqual(byRest);
  }
});

test("every REST route of the API answers in lowerCamelCase", async () => {
  const rest = fleet.rest();
  const get = async (path: string): Promise<Json> => {
    const { status, body } = await rest.get(`/api/v1/${path}`);
    expect([path, status]).toEqual([path, 200]);
    return body;
  };
  expect(things(await get("nodes"), "nodes")).toHaveLength(3);
  expect(thing(await get("nodes/node-2"), "node")).toMatchObject({
    name: "node-2",
    clusterName: "local",
    runtime: "exec",
  });
  expect(things(await get("clusters"), "clusters")).toMatchObject([{ name: "local", healthyNodeCount: 3 }]);
  expect(thing(await get("clusters/local"), "cluster")).toMatchObject({ heartbeatPolicy: { profile: "fast" } });
  const eggs = things(await get("eggs"), "eggs").map((egg) => egg["id"]);
  expect(eggs.sort()).toEqual(["hello-http", "postgres", "static-site"]);
  expect(thing(await get("eggs/postgres"), "egg")).toMatchObject({ runtimes: ["docker"] });
  expect(things(await get("containers"), "containers").map((container) => container["name"])).toEqual(["seen"]);
  expect(things(await get("migrations"), "migrations").map((migration) => migration["id"])).toEqual([migrationId]);
  const detail = thing(await get(`migrations/${migrationId}`), "migration");
  expect(things(detail, "steps").length).toBeGreaterThan(3);
  expect(things(thing(detail, "decision"), "candidates").length).toBeGreaterThan(0);
  const health = await get("health");
  expect(health).toMatchObject({ status: "ok", leader: true, databaseReady: true });
  for (const node of things(health, "nodes")) {
    expect(node).toMatchObject({ status: "NODE_STATUS_HEALTHY", lastHeartbeat: expect.stringMatching(/^20..-/) });
    expect(Number(thing(node, "capacity")["memoryBytes"])).toBeGreaterThan(64 * 1024 ** 2);
    expect(Number(thing(node, "usage")["memoryBytes"])).toBeGreaterThan(1024 ** 2);
    const age = Date.now() - Date.parse(String(node["lastHeartbeat"]));
    expect(age).toBeLessThan(10_000);
  }
  const openApi = await rest.get("/openapi.json");
  expect(openApi.status).toBe(200);
  const paths = Object.keys(thing(openApi.body, "paths"));
  for (const path of ["containers", "containers/{id}", "nodes", "clusters", "eggs", "migrations", "health"])
    expect(paths).toContain(`/api/v1/${path}`);
  for (const verb of ["start", "stop", "restart", "migrate", "migration-history"])
    expect(paths).toContain(`/api/v1/containers/{id}/${verb}`);
});

test("stop, start, restart and delete over REST do what they say to the processes", async () => {
  const rest = fleet.rest();
  const act = async (verb: string) => expect((await rest.post(`/api/v1/containers/seen/${verb}`)).status).toBe(200);
  const copies = () => copiesOf(fleet.processes(), "seen");
  const [first] = copies();
  await act("stop");
  await fleet.container("seen", "STOPPED");
  expect(copies()).toHaveLength(0);
  await act("start");
  await fleet.container("seen", "RUNNING");
  const [second] = copies();
  expect(second?.pid).not.toBe(first?.pid);
  await act("restart");
  await until("another process runs as seen", 20_000, () => copies().length === 1 && copies()[0]?.pid !== second?.pid);
  await fleet.container("seen", "RUNNING");
  expect((await rest.delete("/api/v1/containers/seen")).status).toBe(200);
  await until("seen is gone", 30_000, async () => (await rest.get("/api/v1/containers/seen")).status === 404);
  expect(copies()).toHaveLength(0);
  expect((await rest.get("/api/v1/containers/seen")).body).toMatchObject({ error: { code: "not_found" } });
});

test("the Watch stream shows every event once, across a reconnect, with the states of the migration in order", async () => {
  broken.connect();
  const { asOf, events } = await fleet.api().events.listEvents({ after: startedAt, pageSize: 1000 });
  for (const record of [whole, broken]) {
    await until("the watcher has caught up", 20_000, () => (record.sequences.at(-1) ?? 0n) >= asOf);
    const upTo = record.sequences.filter((sequence) => sequence <= asOf);
    expect(upTo).toEqual(
      Array.from({ length: Number(asOf - startedAt) }, (_, index) => startedAt + BigInt(index) + 1n),
    );
    expect(upTo).toEqual(events.map((event) => event.sequence).filter((sequence) => sequence <= asOf));
    const states = record.changes
      .filter(({ event }) => event?.migrationId === migrationId && event.type === "migration.state")
      .map(({ event }) => event?.data?.["state"]);
    expect(states).toEqual(STATES);
    expect(record.changes.filter(({ event }) => event?.type === "migration.completed")).toHaveLength(1);
  }
});
