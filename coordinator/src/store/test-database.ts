import { createHash, randomBytes } from "node:crypto";
import pg from "pg";
import { migrateDatabase } from "./migrate-database.ts";
import { allMigrations } from "./migrations/all-migrations.ts";
import { type Database, openDatabase } from "./open-database.ts";
import { type StoreLog, silentLog } from "./store-log.ts";

/** Names the server that tests make their databases on; test-postgres-setup.ts sets it for every run of vitest. */
export const TEST_SERVER_VARIABLE = "LORMAS_TEST_PG_URL";

/** A database of one test's own, migrated and empty. */
export type TestDatabase = {
  readonly url: string;
  readonly database: Database;
  /** Closes and drops it, whoever is still connected. */
  drop(): Promise<void>;
};

/**
 * Makes a database from a migrated template (tens of milliseconds). Call drop in afterEach or afterAll. `patienceMs`: for
 * tests that move time by hand, whose outcome must not hang on how long this machine takes over a statement.
 */
export async function testDatabase(log: StoreLog = silentLog, patienceMs?: number): Promise<TestDatabase> {
  const server = testServerUrl();
  const template = await ensureTemplate(server);
  const name = `lormas_test_${process.pid}_${randomBytes(6).toString("hex")}`;
  await onServer(server, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const url = withDatabase(server, name);
  const database = await openDatabase({ url, log, patienceMs });
  return {
    url,
    database,
    async drop() {
      await database.close();
      await onServer(server, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** The server's URL. Throws when no server was started for this run. */
export function testServerUrl(): string {
  const url = process.env[TEST_SERVER_VARIABLE];
  if (url !== undefined && url !== "") return url;
  throw new Error(
    `${TEST_SERVER_VARIABLE} is not set: run vitest from the root, whose globalSetup starts a PostgreSQL, or set it to one`,
  );
}

const TEMPLATE_LOCK = 1_308_107_261;
let ensured: Promise<string> | null = null;

/** The template with the migrations of these sources; made once for all processes. */
export function ensureTemplate(server: string): Promise<string> {
  ensured ??= makeTemplate(server);
  return ensured;
}

async function makeTemplate(server: string): Promise<string> {
  const name = templateName();
  await onServer(server, async (client) => {
    await client.query("SELECT pg_advisory_lock($1)", [TEMPLATE_LOCK]);
    const existing = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
    if (existing.rowCount !== 0) return;
    const draft = `${name}_draft`;
    await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${draft}`);
    await migrateDatabase(withDatabase(server, draft), silentLog);
    // Only what is whole carries the name that others look for.
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${name}`);
  });
  return name;
}

/** Drops the template; for the end of a run on a server that stays. */
export async function dropTemplate(server: string): Promise<void> {
  await onServer(server, (client) => client.query(`DROP DATABASE IF EXISTS ${templateName()} WITH (FORCE)`));
}

function templateName(): string {
  const hash = createHash("sha256");
  for (const migration of allMigrations) hash.update(`${migration.name}\n${migration.class.prototype.up.toString()}\n`);
  return `lormas_template_${hash.digest("hex").slice(0, 16)}`;
}

async function onServer<T>(server: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: server, application_name: "lormas-test" });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.toString();
}
