import { MikroORM } from "@mikro-orm/postgresql";
import pg from "pg";
import { systemClock } from "../runtime/system-clock.ts";
import { CONNECT_TIMEOUT_MS, databaseConfig } from "./database-config.ts";
import { pause } from "./embedded/pause.ts";
import { reasonOf, StoreFailure } from "./store-failure.ts";
import type { StoreLog } from "./store-log.ts";

export const SERVER_VERSION_MIN = 15;
/** Any number that nobody else takes in this database; "lormas" in base 36 is what it is. */
const MIGRATION_LOCK = 1_308_107_260;
/** How long a coordinator waits for another one that migrates. */
const LOCK_WAIT_MAX_MS = 60_000;

/** How often migrations are tried that do not get the locks they need, and how long everybody else has in between. */
export type MigrationPatience = { readonly attemptsMax: number; readonly pauseMs: number };
const PATIENCE: MigrationPatience = { attemptsMax: 20, pauseMs: 1_000 };
/** lock_not_available and deadlock_detected: somebody else was at work, who may be done with it the next time. */
const OTHERS_AT_WORK: ReadonlySet<unknown> = new Set(["55P03", "40P01"]);

/**
 * Brings the schema up to date: one coordinator at a time (an advisory lock), everything or nothing. Others may use the database
 * meanwhile: a migration that does not get its locks within MIGRATION_LOCK_WAIT_MS lets them all pass and is tried again. Throws
 * StoreFailure `unreachable`, `wrong_version` or `migration_failed`; returns the names of the migrations that ran.
 */
export async function migrateDatabase(url: string, log: StoreLog, patience = PATIENCE): Promise<string[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "lormas-migrate",
  });
  client.on("error", (error) =>
    log.warn({ reason: error.message }, "the connection that holds the migration lock broke"),
  );
  await connectTo(client, url);
  try {
    await checkServerVersion(client, url);
    await client.query(`SET lock_timeout = ${LOCK_WAIT_MAX_MS}`);
    await client.query("SELECT pg_advisory_lock($1)", [MIGRATION_LOCK]);
    return await runMigrations(url, log, patience);
  } catch (cause) {
    if (cause instanceof StoreFailure) throw cause;
    const message = `Database ${shownUrl(url)}: its schema cannot be brought up to date: ${reasonOf(cause)}. Nothing was changed; repair what is named and start again.`;
    throw new StoreFailure("migration_failed", message, { cause });
  } finally {
    // The lock goes with the connection.
    await client.end().catch((error: unknown) => log.warn({ reason: reasonOf(error) }, "closing after the migration"));
  }
}

async function runMigrations(url: string, log: StoreLog, patience: MigrationPatience): Promise<string[]> {
  const onMessage = (message: string): void => log.info({ message }, "migration");
  const orm = await MikroORM.init(databaseConfig({ url, purpose: "migrate", onMessage }));
  try {
    const ran = await persistently(() => orm.migrator.up(), url, log, patience);
    const names = ran.map(({ name }) => name);
    if (names.length > 0) log.info({ migrations: names }, "database schema brought up to date");
    return names;
  } finally {
    await orm.close(true);
  }
}

/** An attempt is one transaction: what has failed has changed nothing and can be repeated. */
async function persistently<T>(
  attempt: () => Promise<T>,
  url: string,
  log: StoreLog,
  { attemptsMax, pauseMs }: MigrationPatience,
): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && OTHERS_AT_WORK.has(cause.code))) throw cause;
      const reason = reasonOf(cause);
      if (attempts >= attemptsMax) {
        const message = `Database ${shownUrl(url)}: its schema cannot be brought up to date: others hold what has to change, in each of ${attemptsMax} attempts (${reason}). Nothing was changed; end what pg_stat_activity shows with an open transaction and start again.`;
        throw new StoreFailure("migration_failed", message, { cause });
      }
      log.warn({ attempts, attemptsMax, reason }, "a migration did not get its locks; it lets the others pass");
      await pause(systemClock, pauseMs);
    }
  }
}

async function connectTo(client: pg.Client, url: string): Promise<void> {
  try {
    await client.connect();
  } catch (cause) {
    const message = `Database ${shownUrl(url)}: cannot connect: ${reasonOf(cause)}. Check DATABASE_URL and that the server runs.`;
    throw new StoreFailure("unreachable", message, { cause });
  }
}

async function checkServerVersion(client: pg.Client, url: string): Promise<void> {
  const answer = await client.query<{ server_version_num: string }>("SHOW server_version_num");
  const message = versionProblem(Number(answer.rows[0]?.server_version_num ?? 0), url);
  if (message !== null) throw new StoreFailure("wrong_version", message);
}

/** What is wrong with a server of this server_version_num (150004 is 15.4), null when it is new enough. */
export function versionProblem(versionNumber: number, url: string): string | null {
  const major = Math.floor(versionNumber / 10_000);
  if (major >= SERVER_VERSION_MIN) return null;
  return `Database ${shownUrl(url)}: PostgreSQL ${major} is too old; Lormas needs ${SERVER_VERSION_MIN} or newer. Upgrade it, or leave DATABASE_URL unset to use the embedded one.`;
}

/** A database URL without its password. */
export function shownUrl(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.password !== "") parsed.password = "***";
    for (const name of ["password", "sslpassword"])
      if (parsed.searchParams.has(name)) parsed.searchParams.set(name, "***");
    return parsed.toString();
  } catch {
    return "(malformed URL)";
  }
}
