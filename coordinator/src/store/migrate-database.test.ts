import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { STATEMENT_TIMEOUT_MS } from "./database-config.ts";
import { migrateDatabase } from "./migrate-database.ts";
import { silentLog } from "./store-log.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";

const BEFORE = "migration-20261201034800-job-logs";
const NEWEST = "migration-20261201101846-request-ids";

let database: TestDatabase;
/** Reads a table and stays: in an open transaction, whose lock everything that changes the table waits for. */
let reader: pg.Client;
/** Serves as a coordinator of before: with the bounds of its statements. */
let served: pg.Client;
beforeEach(async () => {
  database = await testDatabase();
  await database.database.orm.migrator.down({ to: BEFORE });
  reader = new pg.Client({ connectionString: database.url });
  served = new pg.Client({ connectionString: database.url, statement_timeout: STATEMENT_TIMEOUT_MS });
  await Promise.all([reader.connect(), served.connect()]);
  await reader.query("begin; select from job");
});
afterEach(async () => {
  await Promise.all([reader.end(), served.end()]);
  await database.drop();
});

const tables = ["audit_entry", "event", "container", "job", "migration", "outbox", "node"];
const migrationWaits = async (): Promise<boolean> =>
  (await served.query("select 1 from pg_locks where not granted and relation = 'job'::regclass")).rowCount !== 0;

test("a migration waits for a reader in short turns, serves others in between, and is made once he is gone", async () => {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
  const migrated = migrateDatabase(database.url, log, { attemptsMax: 50, pauseMs: 50 });
  for (let turns = 0; turns < 2; turns += 1) {
    await expect.poll(migrationWaits, { interval: 10 }).toBe(true);
    // Behind the migration now, each at most for its bound: a statement that took longer would be ended.
    for (const table of tables) await served.query(`select from ${table}`);
  }
  expect(warnings).toContain("a migration did not get its locks; it lets the others pass");
  await reader.query("commit");
  expect(await migrated).toEqual([NEWEST]);
  await served.query("select request_id from event union all select request_id from container");
});

test("a migration that never gets its locks says who may hold them, and has changed nothing", async () => {
  const failed: unknown = await migrateDatabase(database.url, silentLog, { attemptsMax: 2, pauseMs: 10 }).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({
    code: "migration_failed",
    message: expect.stringMatching(/in each of 2 attempts \(.*lock timeout\).*pg_stat_activity.* start again/s),
  });
  await expect(served.query("select request_id from event")).rejects.toThrow(/"request_id" does not exist/);
});

test("a migration that waits for a reader who waits for it gives way to him", async () => {
  const migrated = migrateDatabase(database.url, silentLog, { attemptsMax: 50, pauseMs: 50 });
  await expect.poll(migrationWaits, { interval: 10 }).toBe(true);
  await reader.query("select from container; commit");
  expect(await migrated).toEqual([NEWEST]);
});
