import { MikroORM } from "@mikro-orm/postgresql";
import { systemClock } from "../runtime/system-clock.ts";
import { ANSWER_BOUND_MS, type BoundedClient, type OnLoan } from "./bounded-client.ts";
import { databaseConfig } from "./database-config.ts";
import { migrateDatabase, shownUrl } from "./migrate-database.ts";
import { reasonOf, StoreFailure } from "./store-failure.ts";
import type { StoreLog } from "./store-log.ts";

/** What MikroORM's init gives for this configuration. */
export type DatabaseOrm = Awaited<ReturnType<typeof initOrm>>;

/** The database, open. */
export type Database = {
  /** Take `orm.em.fork()` for every unit of work and throw it away afterwards; never keep an entity beyond it. */
  readonly orm: DatabaseOrm;
  /** Brings the schema up to date and names what ran; nothing when it is. */
  migrate(): Promise<string[]>;
  /**
   * Ends every connection once it is given back; those that are not within ANSWER_BOUND_MS are cut, and their queries reject. May be
   * repeated.
   */
  close(): Promise<void>;
  /** Whether the database answers a query now; false within ANSWER_BOUND_MS plus CONNECT_TIMEOUT_MS at the latest. */
  ping(): Promise<boolean>;
};

export type OpenDatabaseOptions = {
  readonly url: string;
  readonly log: StoreLog;
  /** Milliseconds that a statement, or a transaction that waits, may take; the product's own bounds unless told. */
  readonly patienceMs?: number | undefined;
};

/**
 * Opens a PostgreSQL 15 or newer and brings its schema up to date. Statements end after STATEMENT_TIMEOUT_MS, open
 * transactions that wait after IDLE_IN_TRANSACTION_TIMEOUT_MS; a database that goes away makes queries reject and is
 * used again once it is back. Throws StoreFailure `unreachable`, `wrong_version` or `migration_failed`.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const { url, log, patienceMs } = options;
  checkUrl(url);
  await migrateDatabase(url, log);
  const lent = new Set<BoundedClient>();
  const orm = await initOrm(url, log, lent, patienceMs);
  let closing: Promise<void> | null = null;
  return {
    orm,
    migrate: () => migrateDatabase(url, log),
    close() {
      closing ??= closeWithin(patienceMs ?? ANSWER_BOUND_MS, orm, lent, log);
      return closing;
    },
    async ping() {
      if (closing !== null) return false;
      try {
        await orm.em.fork().execute("SELECT 1");
        return true;
      } catch {
        // The driver has said why to the log.
        return false;
      }
    },
  };
}

function initOrm(url: string, log: StoreLog, lent: Set<BoundedClient>, patienceMs?: number) {
  const onMessage = (message: string): void => log.warn({ message }, "database");
  const onLoan: OnLoan = (client, isLent) => {
    if (isLent) lent.add(client);
    else lent.delete(client);
  };
  return MikroORM.init(
    databaseConfig({ url, purpose: "serve", onMessage, onLoan, ...(patienceMs === undefined ? {} : { patienceMs }) }),
  );
}

/** A pool waits for ever for a connection that somebody never gives back. */
async function closeWithin(
  graceMs: number,
  orm: DatabaseOrm,
  lent: ReadonlySet<BoundedClient>,
  log: StoreLog,
): Promise<void> {
  const cancel = systemClock.schedule(graceMs, () => {
    for (const connection of [...lent]) {
      log.warn({ lastAsked: connection.lastAsked }, `a connection is in use ${graceMs} ms after the close; it is cut`);
      connection.abandon(new Error("the database was closed"));
    }
  });
  try {
    await orm.close(true);
  } finally {
    cancel();
  }
}

function checkUrl(url: string): void {
  try {
    const { protocol } = new URL(url);
    if (protocol === "postgres:" || protocol === "postgresql:") return;
    throw new Error(`its scheme is ${protocol.slice(0, -1)}`);
  } catch (cause) {
    const message = `Database ${shownUrl(url)}: not a PostgreSQL URL (${reasonOf(cause)}); write postgres://USER:PASSWORD@HOST:PORT/DATABASE.`;
    throw new StoreFailure("unreachable", message, { cause });
  }
}
