import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startSystemPostgres, systemPostgresBinaries } from "../../coordinator/src/store/system-postgres.ts";
import { testServerUrl } from "../../coordinator/src/store/test-database.ts";
import { until } from "../../lab/src/until.ts";
import { Fleet } from "../fleet/fleet.ts";
import { copiesOf } from "../fleet/fleet-processes.ts";

// The machine's own PostgreSQL (≥ 15) where it has one, else the server that LORMAS_TEST_PG_URL names.
const folder = mkdtempSync(join(tmpdir(), "lormas-pg-"));
const databaseName = `lormas_e2e_${process.pid}`;
let server: { url: string; stop(): Promise<void> };
let url: string;
let fleet: Fleet;

async function ask(statement: string, at: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: at });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  chmodSync(folder, 0o755);
  const bin = systemPostgresBinaries();
  server = bin === null ? { url: testServerUrl(), stop: async () => {} } : await startSystemPostgres(bin, folder);
  await ask(`create database ${databaseName}`, server.url);
  const at = new URL(server.url);
  at.pathname = `/${databaseName}`;
  url = at.href;
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "fast", DATABASE_URL: url } });
});
afterAll(async () => {
  await fleet?.dispose();
  if (url !== undefined) await ask(`drop database ${databaseName} with (force)`, server.url);
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("with DATABASE_URL the fleet lives on that PostgreSQL, and demo failover holds its bound", async () => {
  const { code, stdout, stderr } = await fleet.cli("demo", "failover");
  expect([code, stderr], stdout).toEqual([0, ""]);
  expect(stdout).toMatch(/^\d+\.\d s without service$/m);
  expect(stdout).toMatch(/^bound \d+\.\d s: held$/m);
  expect(existsSync(join(fleet.dataDir.path, "postgres"))).toBe(false);
  const [row] = await ask("select name from container", url);
  expect(row).toEqual({ name: "demo-1" });
});

test("the state is in that database: the next start shows it", async () => {
  const before = await fleet.container("demo-1", "RUNNING");
  expect((await fleet.interrupt()).code).toBe(0);
  expect(fleet.processes()).toEqual([]);
  await fleet.start();
  await fleet.nodes("HEALTHY");
  const after = await fleet.container("demo-1", "RUNNING");
  expect(after.id).toBe(before.id);
  await until("demo-1 runs again", 30_000, () => copiesOf(fleet.processes(), "demo-1").length === 1);
  expect((await fleet.rest().get("/api/v1/containers/demo-1/migration-history")).body["migrations"]).toHaveLength(1);
});
