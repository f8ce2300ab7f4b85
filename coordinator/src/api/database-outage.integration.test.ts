import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { EventService, NodeService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../store/embedded/embedded-postgres.ts";
import { openDatabase } from "../store/open-database.ts";
import { silentLog } from "../store/store-log.ts";
import { ADMIN, type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";

let directory: string;
let server: EmbeddedPostgres;
let rig: PublicPlaneRig;
const startServer = () => startEmbeddedPostgres({ dataDir: directory, log: silentLog, durable: false });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lormas-outage-"));
  server = await startServer();
  const database = await openDatabase({ url: server.url, log: silentLog });
  rig = await startPublicPlaneRig({}, { url: server.url, database, drop: () => database.close() });
});
afterAll(async () => {
  await rig?.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

const get = (path: string): Promise<Response> =>
  fetch(rig.plane.url + path, { headers: { authorization: `Bearer ${rig.token}` } });

test("without its database the coordinator says so, with a hint when to try again, and goes on when it is back", async () => {
  const client = createClient(EventService, createGrpcTransport({ baseUrl: rig.plane.url }));
  const abort = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { message } of client.watch(
      {},
      { headers: { authorization: `Bearer ${rig.token}` }, signal: abort.signal },
    )) {
      seen.push(message.case === "change" ? message.value.event!.type : (message.case ?? ""));
    }
  })().catch((error: unknown) => ConnectError.from(error).code);
  await expect.poll(() => seen).toContain("opened");

  await server.stop();
  const ready = await get("/health/ready");
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { status: "unavailable", reason: "the database does not answer" },
  ]);
  expect((await get("/health/live")).status).toBe(200);

  const refused = await get("/api/v1/nodes");
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ error: { code: "database_unavailable", retryable: true } });

  const byGrpc = await createClient(NodeService, createGrpcTransport({ baseUrl: rig.plane.url }))
    .listNodes({}, { headers: { authorization: `Bearer ${rig.token}` } })
    .then(() => null, ConnectError.from);
  expect(byGrpc?.code).toBe(Code.Unavailable);
  expect(byGrpc?.findDetails(ErrorDetailSchema)[0]).toMatchObject({
    code: "database_unavailable",
    retryAfterMs: 2_000,
  });

  const health = await get("/api/v1/health");
  expect(await health.json()).toMatchObject({ status: "degraded", databaseReady: false });

  const signIn = await fetch(`${rig.plane.url}/api/auth/sign-in/email`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(ADMIN),
  });
  expect(signIn.status).toBe(503);

  server = await startServer();
  await expect.poll(async () => (await get("/health/ready")).status, { timeout: 10_000 }).toBe(200);
  await expect.poll(async () => (await get("/api/v1/nodes")).status, { timeout: 10_000 }).toBe(200);
  await rig.operations.commit([{ type: "after.outage" }]);
  await expect.poll(() => seen, { timeout: 10_000 }).toContain("after.outage");
  abort.abort();
  expect(await watching).toBe(Code.Canceled);
});
