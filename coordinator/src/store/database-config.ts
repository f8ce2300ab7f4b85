import type { Options } from "@mikro-orm/core";
import { Migrator } from "@mikro-orm/migrations";
import { PostgreSqlDriver } from "@mikro-orm/postgresql";
import { ANSWER_BOUND_MS, BoundedClient, type OnLoan } from "./bounded-client.ts";
import { allEntities } from "./entities/all-entities.ts";
import { allMigrations } from "./migrations/all-migrations.ts";

/** Bounds of the server's on everything that may hold a lock, well below the leader's lease. */
export const STATEMENT_TIMEOUT_MS = 1_500;
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 1_500;
export const CONNECT_TIMEOUT_MS = 2_000;
/**
 * How long a migration waits for one lock. Whoever comes after it waits behind it, so this is below STATEMENT_TIMEOUT_MS; and below the
 * server's deadlock_timeout (1 s), so that it is the migration that gives way, not who serves.
 */
export const MIGRATION_LOCK_WAIT_MS = 500;
/** Connections of one coordinator at most; whoever needs one more waits CONNECT_TIMEOUT_MS and is refused. */
export const CONNECTIONS_MAX = 16;
const IDLE_CONNECTION_MS = 30_000;

export type DatabaseConfigOptions = {
  readonly url: string;
  /** serve: bounded statements. migrate: as long as it takes once it has its locks, one connection. */
  readonly purpose: "serve" | "migrate";
  /** Called with what the driver and the pool say: a lost connection, a failed query. */
  readonly onMessage: (message: string) => void;
  /** Instead of STATEMENT_TIMEOUT_MS, IDLE_IN_TRANSACTION_TIMEOUT_MS and ANSWER_BOUND_MS while it serves; milliseconds. */
  readonly patienceMs?: number;
  /** Told when a connection that serves was lent, and when it was given back. */
  readonly onLoan?: OnLoan;
};

/** MikroORM's configuration; the one place that names the driver's options. */
export function databaseConfig(options: DatabaseConfigOptions): Partial<Options<PostgreSqlDriver>> {
  const { url, purpose, onMessage, patienceMs, onLoan } = options;
  const serving = purpose === "serve";
  return {
    driver: PostgreSqlDriver,
    clientUrl: url,
    dbName: databaseName(url),
    entities: [...allEntities],
    extensions: [Migrator],
    colors: false,
    logger: onMessage,
    timezone: "UTC",
    pool: { min: 0, max: serving ? CONNECTIONS_MAX : 2, idleTimeoutMillis: IDLE_CONNECTION_MS },
    driverOptions: {
      application_name: "lormas",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      ...(serving
        ? {
            Client: BoundedClient,
            onLoan,
            statement_timeout: patienceMs ?? STATEMENT_TIMEOUT_MS,
            idle_in_transaction_session_timeout: patienceMs ?? IDLE_IN_TRANSACTION_TIMEOUT_MS,
            answerBoundMs: patienceMs ?? ANSWER_BOUND_MS,
          }
        : { lock_timeout: MIGRATION_LOCK_WAIT_MS }),
    },
    migrations: {
      migrationsList: [...allMigrations],
      path: new URL("./migrations", import.meta.url).pathname,
      emit: "ts",
      fileName: (timestamp, name) => `migration-${timestamp}-${name ?? "unnamed"}`,
      snapshot: false,
      snapshotOnMigrate: false,
      allOrNothing: true,
      silent: true,
    },
    // The schema diff drops tables it does not know; better-auth keeps its own in `auth`.
    // Triggers and functions stand in migrations only, by hand, and it would drop them too.
    schemaGenerator: { ignoreSchema: ["auth"], ignoreTriggers: true, ignoreRoutines: true },
  };
}

/** The database that a connection URL names; the user's name where it names none, as libpq does. */
export function databaseName(url: string): string {
  const parsed = new URL(url);
  return decodeURIComponent(parsed.pathname.slice(1)) || decodeURIComponent(parsed.username) || "postgres";
}
