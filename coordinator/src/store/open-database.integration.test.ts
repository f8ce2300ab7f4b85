import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { BUILT_IN_EGGS } from "../eggs/built-in-eggs.ts";
import { seedEggs } from "../eggs/seed-eggs.ts";
import { ANSWER_BOUND_MS } from "./bounded-client.ts";
import { CONNECT_TIMEOUT_MS, CONNECTIONS_MAX, STATEMENT_TIMEOUT_MS } from "./database-config.ts";
import { startEmbeddedPostgres } from "./embedded/embedded-postgres.ts";
import { EventEntity, LeadershipEntity } from "./entities/decision-entities.ts";
import { EggEntity } from "./entities/workload-entities.ts";
import { versionProblem } from "./migrate-database.ts";
import { allMigrations } from "./migrations/all-migrations.ts";
import { type Database, openDatabase } from "./open-database.ts";
import { silentLog } from "./store-log.ts";
import { startSystemPostgres, systemPostgresBinaries } from "./system-postgres.ts";
import { testDatabase, testServerUrl } from "./test-database.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "lormas-database-"));
  undo.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function admin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const openTransactions = (url: string): Promise<number> =>
  admin(url, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    );
    return rows[0]?.count ?? 0;
  });

const systemBinaries = systemPostgresBinaries();
const missing = "no second PostgreSQL ≥ 15 in /usr/lib/postgresql: apt-get install postgresql";
if (systemBinaries === null && process.env["LORMAS_TEST_REQUIRE"] === "1") {
  test("a second PostgreSQL is here, as LORMAS_TEST_REQUIRE=1 demands", () => expect.fail(missing));
}

const servers = [
  { name: "the embedded PostgreSQL", start: async () => ({ url: testServerUrl(), stop: async () => {} }) },
  { name: `the machine's own PostgreSQL (${systemBinaries ?? missing})`, start: startOwn },
];
async function startOwn(): Promise<{ url: string; stop(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "lormas-system-postgres-"));
  const server = await startSystemPostgres(systemBinaries ?? "", path);
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await rm(path, { recursive: true, force: true });
    },
  };
}

describe.each(servers)("on $name", ({ start }) => {
  const unavailable = start === startOwn && systemBinaries === null;
  const on = test.skipIf(unavailable);
  const name = `lormas_open_${process.pid}`;
  let server: Awaited<ReturnType<typeof start>>;
  let url: string;
  beforeAll(async () => {
    if (unavailable) return;
    server = await start();
    await admin(server.url, (client) => client.query(`CREATE DATABASE ${name}`));
    const own = new URL(server.url);
    own.pathname = `/${name}`;
    url = own.toString();
  });
  afterAll(async () => {
    if (unavailable) return;
    await admin(server.url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    await server.stop();
  });

  on("two coordinators at once bring an empty database up to date, each migration once", async () => {
    const opened = await Promise.all([0, 1].map(() => openDatabase({ url, log: silentLog })));
    undo.push(() => Promise.all(opened.map((database) => database.close())));
    expect(await Promise.all(opened.map((database) => database.ping()))).toEqual([true, true]);
    const ran = await admin(url, (client) => client.query<{ name: string }>("SELECT name FROM mikro_orm_migrations"));
    expect(ran.rows.map((row) => row.name)).toEqual(allMigrations.map((migration) => migration.name));
    expect(await opened[0]?.migrate()).toEqual([]);
  });

  on("the migrations make exactly what the entities say, and leave the schema auth alone", async () => {
    const database = await openDatabase({ url, log: silentLog });
    undo.push(() => database.close());
    await admin(url, (client) =>
      client.query("CREATE SCHEMA IF NOT EXISTS auth; CREATE TABLE IF NOT EXISTS auth.a ()"),
    );
    expect(await database.orm.schema.getUpdateSchemaSQL()).toBe("");
    expect(await database.orm.migrator.checkSchema()).toBe(false);
  });

  on("what is written is read again, to the millisecond and the byte", async () => {
    const database = await openDatabase({ url, log: silentLog });
    undo.push(() => database.close());
    await seedEggs(database, { bootMs: () => 0, wallMs: () => 1_234, schedule: () => () => {} });
    const eggs = await database.orm.em.fork().find(EggEntity, {});
    expect(eggs.map(({ id }) => id).sort()).toEqual(BUILT_IN_EGGS.map(({ id }) => id).sort());
    expect(eggs[0]?.updatedAt.getTime()).toBe(1_234);
    const data = { bytes: 2 ** 52, text: 'ü "\u{1F95A}" \\', nested: [null, true] };
    const em = database.orm.em.fork();
    const links = { nodeId: null, containerId: null, migrationId: null };
    em.create(EventEntity, {
      sequence: 2 ** 50,
      at: new Date(7),
      type: "t",
      severity: "info",
      message: "",
      ...links,
      data,
    });
    await em.flush();
    const [event] = await database.orm.em.fork().find(EventEntity, {});
    expect(event).toMatchObject({ sequence: 2 ** 50, at: new Date(7), data });
  });

  on("a statement that takes too long is ended by the server", async () => {
    const database = await openDatabase({ url, log: silentLog });
    undo.push(() => database.close());
    const began = performance.now();
    await expect(database.orm.em.fork().execute("SELECT pg_sleep(60)")).rejects.toThrow(/statement timeout/);
    expect(performance.now() - began).toBeGreaterThanOrEqual(STATEMENT_TIMEOUT_MS - 50);
  });
});

test("a transaction that is left open is ended by the server, and what it held is free again", async () => {
  const one = await testDatabase();
  undo.push(() => one.drop());
  const { orm } = one.database;
  await seedLeadership(one.database);
  const leave = orm.em.fork().transactional(async (em) => {
    await em.nativeUpdate(LeadershipEntity, { scope: "global" }, { term: 1 });
    await vi.waitFor(
      async () => {
        await orm.em.fork().nativeUpdate(LeadershipEntity, { scope: "global" }, { term: 2 });
      },
      { timeout: 10_000, interval: 50 },
    );
  });
  await expect(leave).rejects.toThrow();
  expect((await orm.em.fork().findOneOrFail(LeadershipEntity, { scope: "global" })).term).toBe(2);
});

test("a close waits for what is in use, but not for ever, and names what it cuts", async () => {
  const warnings: object[] = [];
  const one = await testDatabase({ ...silentLog, warn: (fields) => warnings.push(fields) }, 500);
  undo.push(() => one.drop());
  const { orm } = one.database;
  const brief = orm.em.fork().execute("SELECT 1 FROM pg_sleep(0.2)");
  const neverEnds = orm.em.fork().transactional(async (em) => {
    await em.execute("SELECT 2, 'a value that no log is to hold'");
    // Whose outcome nobody will ever know.
    await new Promise(() => {});
  });
  void neverEnds;
  await vi.waitFor(async () => expect(await openTransactions(one.url)).toBe(1), { timeout: 5_000, interval: 20 });
  await one.database.close();
  expect(await brief).toHaveLength(1);
  expect(warnings).toContainEqual({ lastAsked: "SELECT 2, " });
});

test("transactions whose connection breaks, more than the pool has places, leave every place usable", async () => {
  const one = await testDatabase();
  undo.push(() => one.drop());
  const { orm } = one.database;
  const broken = Array.from({ length: 3 * CONNECTIONS_MAX }, () =>
    orm.em.fork().transactional(async (em) => {
      await em.execute("SELECT pg_terminate_backend(pg_backend_pid())");
    }),
  );
  const outcomes = await Promise.allSettled(broken);
  expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
  // All places at once: each transaction waits until the others have begun.
  let begun = 0;
  const together = Array.from({ length: CONNECTIONS_MAX }, () =>
    orm.em.fork().transactional(async (em) => {
      await em.execute("SELECT 1");
      begun += 1;
      await vi.waitFor(() => expect(begun).toBe(CONNECTIONS_MAX), { timeout: 1_000, interval: 5 });
    }),
  );
  await Promise.all(together);
});

test.runIf(process.platform === "linux")(
  "a frozen database rejects within its bound, and the half-done transaction is never committed by a later one",
  async () => {
    const one = await testDatabase();
    undo.push(() => one.drop());
    const { orm } = one.database;
    await seedLeadership(one.database);
    let frozen = 0;
    const began = performance.now();
    const half = orm.em.fork().transactional(async (em) => {
      const [row] = await em.execute<{ pid: number }[]>("SELECT pg_backend_pid() AS pid");
      await em.nativeUpdate(LeadershipEntity, { scope: "global" }, { term: 666 });
      frozen = row?.pid ?? 0;
      process.kill(frozen, "SIGSTOP");
      undo.push(() => process.kill(frozen, "SIGCONT"));
      await em.execute("SELECT 1");
    });
    await expect(half).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(2 * (ANSWER_BOUND_MS + CONNECT_TIMEOUT_MS));
    undo.pop();
    process.kill(frozen, "SIGCONT");
    // Every connection of the pool is used for a transaction that commits.
    const increments = Array.from({ length: 20 }, () =>
      vi.waitFor(
        () =>
          orm.em.fork().transactional(async (em) => {
            await em.execute("UPDATE leadership SET renewals = renewals + 1");
          }),
        { timeout: 20_000, interval: 100 },
      ),
    );
    await Promise.all(increments);
    const row = await orm.em.fork().findOneOrFail(LeadershipEntity, { scope: "global" });
    expect({ term: row.term, renewals: row.renewals }).toEqual({ term: 0, renewals: 20 });
  },
);

test.runIf(process.platform === "linux")(
  "a database that goes away makes queries reject and pings false; when it is back, all that was acknowledged is there",
  async () => {
    const server = await startEmbeddedPostgres({ dataDir: await folder(), log: silentLog });
    undo.push(() => server.stop());
    const database = await openDatabase({ url: server.url, log: silentLog });
    undo.push(() => database.close());
    await seedLeadership(database);
    expect(await database.ping()).toBe(true);
    let acknowledged = 0;
    let rejected = 0;
    const count = async (): Promise<void> => {
      try {
        await database.orm.em.fork().execute("UPDATE leadership SET renewals = renewals + 1");
        acknowledged += 1;
      } catch {
        rejected += 1;
      }
    };
    for (let index = 0; index < 50; index += 1) await count();
    process.kill(server.pid, "SIGKILL");
    await vi.waitFor(async () => expect(await database.ping()).toBe(false), { timeout: 10_000, interval: 10 });
    await vi.waitFor(
      async () => {
        await count();
        expect(await database.ping()).toBe(true);
      },
      { timeout: 30_000, interval: 20 },
    );
    for (let index = 0; index < 50; index += 1) await count();
    const row = await database.orm.em.fork().findOneOrFail(LeadershipEntity, { scope: "global" });
    // One that was rejected may have been committed all the same; one that was acknowledged must be there.
    expect(row.renewals).toBeGreaterThanOrEqual(acknowledged);
    expect(row.renewals).toBeLessThanOrEqual(acknowledged + rejected);
    expect(acknowledged).toBeGreaterThanOrEqual(100);
  },
);

test("a database that cannot be reached, and a URL that is none, are refused without their passwords", async () => {
  for (const url of ["postgres://u:geheim@127.0.0.1:1/d", "mysql://u:geheim@h/d", "geheim"]) {
    const thrown: unknown = await openDatabase({ url, log: silentLog }).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "unreachable" });
    expect(String(thrown)).not.toContain("geheim");
  }
});

test("a server that is too old is refused with its version and the least one", () => {
  expect(versionProblem(140_013, "postgres://u:geheim@h/d")).toMatch(/PostgreSQL 14 is too old; Lormas needs 15/);
  expect(versionProblem(150_000, "postgres://h/d")).toBeNull();
  expect(versionProblem(180_004, "postgres://h/d")).toBeNull();
});

async function seedLeadership(database: Database): Promise<void> {
  await database.orm.em.fork().insert(LeadershipEntity, { scope: "global", holder: null, ttlMs: 2_000 });
}
