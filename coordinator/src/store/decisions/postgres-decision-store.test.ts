import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { initialTransition } from "xstate";
import { dutyMachine } from "../../domain/maintenance/duty-machine.ts";
import { nodeMachine } from "../../domain/node/node-machine.ts";
import { type DecisionChanges, StaleTermError, UnstorableChangesError } from "../../runtime/decision-store.ts";
import type { NodeRecord } from "../../runtime/fleet-view.ts";
import { openDatabase } from "../open-database.ts";
import { seedFirstCluster } from "../seed-first-cluster.ts";
import { silentLog } from "../store-log.ts";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { PostgresDecisionStore } from "./postgres-decision-store.ts";

const TTL_MS = 15_000;
const clusterId = randomUUID();

let database: TestDatabase;
let second: Awaited<ReturnType<typeof openDatabase>>;
let a: PostgresDecisionStore;
let b: PostgresDecisionStore;
/** A connection of nobody's, to hold locks and to look. */
let outside: pg.Client;

beforeEach(async () => {
  database = await testDatabase();
  second = await openDatabase({ url: database.url, log: silentLog });
  a = new PostgresDecisionStore(database.database);
  b = new PostgresDecisionStore(second);
  outside = new pg.Client({ connectionString: database.url });
  await outside.connect();
  await seedFirstCluster(
    database.database,
    { clusterName: "local", profile: "default" },
    { newId: () => clusterId, wallMs: () => 0 },
  );
});
afterEach(async () => {
  await outside.end();
  await second.close();
  await database.drop();
});

const names = async () =>
  (await outside.query<{ name: string }>("select name from node order by name")).rows.map(({ name }) => name);

function node(name: string, id: string = randomUUID()): NodeRecord {
  const [snapshot] = initialTransition(nodeMachine, { id, name });
  const [duty] = initialTransition(dutyMachine, { id, name });
  const capacity = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 };
  const told = {
    address: "",
    peerAddress: "",
    runtime: "",
    architecture: "",
    platform: "",
    agentVersion: "",
    certificateSerial: "",
  };
  const numbers = { portPoolMin: 0, portPoolMax: 0, enrolledAtMs: 0, capacity };
  return {
    facts: {
      id,
      name,
      clusterId,
      schedulable: true,
      labels: {},
      revokedAtMs: null,
      guarded: false,
      runtimeReady: true,
      priority: 7,
      clockSound: true,
      ...told,
      ...numbers,
    },
    snapshot,
    duty,
    dutyRequestId: "",
  };
}

const changes = (nodes: NodeRecord[]): DecisionChanges => ({
  clusters: [],
  removedClusters: [],
  removedNodes: [],
  memberships: [],
  nodes,
  containers: [],
  forgotten: [],
  holdings: [],
  migrations: [],
  jobs: [],
  events: [],
  commands: [],
  endedCommands: [],
  usedTokens: [],
  alerts: [],
  alertNotices: [],
  newestSequence: 0,
  atMs: 0,
});

/** The takeover of a term that was seen; it must succeed. */
async function take(store: PostgresDecisionStore, instance: string): Promise<number> {
  const taken = await store.takeLeadership(await store.readLeadership(), instance, TTL_MS);
  return taken?.term ?? expect.fail(`${instance} did not get the leadership`);
}

/** Resolves when some connection waits for a lock. */
const somebodyWaits = () =>
  expect
    .poll(
      async () => {
        const waiting = await outside.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return waiting.rowCount;
      },
      { timeout: 5_000, interval: 10 },
    )
    .toBeGreaterThan(0);

/** True when some connection waits for a row of that table. */
async function waitingFor(table: string): Promise<boolean> {
  const looker = new pg.Client({ connectionString: database.url });
  await looker.connect();
  try {
    const waiting = await looker.query(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1",
      [`%from ${table} %`],
    );
    return (waiting.rowCount ?? 0) > 0;
  } finally {
    await looker.end();
  }
}

describe("leadership in PostgreSQL", () => {
  test("of two that ask at the same time one is elected", async () => {
    const taken = await Promise.all([a.takeLeadership(null, "a", TTL_MS), b.takeLeadership(null, "b", TTL_MS)]);
    expect(taken.filter((record) => record !== null)).toHaveLength(1);
    expect(taken.find((record) => record !== null)?.term).toBe(1);
  });

  test("a row that was renewed since it was seen is not taken over", async () => {
    const term = await take(a, "a");
    const seen = await b.readLeadership();
    expect(await a.renewLeadership("a", term)).toBe(true);
    expect(await b.takeLeadership(seen, "b", TTL_MS)).toBeNull();
    expect(await a.renewLeadership("a", term)).toBe(true);
  });

  test("a renewal after a takeover is refused, under the old term and under a guessed one", async () => {
    const old = await take(a, "a");
    const term = await take(b, "b");
    expect(term).toBe(old + 1);
    expect(await a.renewLeadership("a", old)).toBe(false);
    expect(await a.renewLeadership("a", term)).toBe(false);
    expect(await b.renewLeadership("b", term)).toBe(true);
  });

  test("a release frees the row for anybody, and only the holder can release", async () => {
    const term = await take(a, "a");
    await b.releaseLeadership("b", term);
    expect((await b.readLeadership())?.holder).toBe("a");
    await a.releaseLeadership("a", term);
    expect((await b.readLeadership())?.holder).toBeNull();
    expect(await take(b, "b")).toBe(term + 1);
    await a.releaseLeadership("a", term);
    expect((await b.readLeadership())?.holder).toBe("b");
  });
});

describe("a deposed leader", () => {
  test("writes nothing", async () => {
    const term = await take(a, "a");
    await a.commit(term, changes([node("before")]));
    await take(b, "b");
    await expect(a.commit(term, changes([node("after")]))).rejects.toBeInstanceOf(StaleTermError);
    expect(await names()).toEqual(["before"]);
  });

  test("that has begun to write keeps the takeover waiting until its transaction has ended", async () => {
    const term = await take(a, "a");
    const known = node("slow");
    await a.commit(term, changes([known]));
    // Holds the commit between its lock on the leadership row and its end.
    await outside.query("begin");
    await outside.query("select 1 from node where id = $1 for update", [known.facts.id]);
    let order = "";
    const written = a.commit(term, changes([{ ...known, facts: { ...known.facts, address: "new" } }])).then(() => {
      order += "written ";
    });
    await somebodyWaits();
    const seen = await b.readLeadership();
    const taken = b.takeLeadership(seen, "b", TTL_MS).then(async (record) => {
      order += "taken";
      // What the new leader reads after its takeover holds everything that the old one was told is stored.
      const loaded = await b.load();
      return { record, address: loaded.nodes[0]?.facts.address };
    });
    await expect
      .poll(
        async () => {
          const waiting = await outside.query("select 1 from pg_locks where not granted");
          return waiting.rowCount;
        },
        { timeout: 5_000, interval: 10 },
      )
      .toBeGreaterThan(1);
    expect(order).toBe("");
    await outside.query("commit");
    await written;
    expect(await taken).toMatchObject({ record: { term: term + 1 }, address: "new" });
    expect(order).toBe("written taken");
    await expect(a.commit(term, changes([node("late")]))).rejects.toBeInstanceOf(StaleTermError);
    expect(await names()).toEqual(["slow"]);
  });

  test("that comes while a takeover is under way waits for it and writes nothing", async () => {
    const term = await take(a, "a");
    await outside.query("begin");
    await outside.query("select 1 from leadership for update");
    const written = a.commit(term, changes([node("late")])).then(
      () => null,
      (error: unknown) => error,
    );
    await somebodyWaits();
    await outside.query("update leadership set holder = 'b', term = term + 1");
    await outside.query("commit");
    expect(await written).toBeInstanceOf(StaleTermError);
    expect(await names()).toEqual([]);
  });

  test("stores nothing of the nodes' health either", async () => {
    const term = await take(a, "a");
    const known = node("seen");
    await a.commit(term, changes([known]));
    const usage = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 };
    const sample = { nodeId: known.facts.id, status: "healthy", lastHeartbeatAtMs: 1, confirmedEpoch: 3, usage };
    await a.flushHealth(term, [sample], 1);
    await take(b, "b");
    await expect(a.flushHealth(term, [{ ...sample, status: "dead" }], 2)).rejects.toBeInstanceOf(StaleTermError);
    const { rows } = await outside.query("select status from node_health");
    expect(rows).toEqual([{ status: "healthy" }]);
  });

  // The control of the three above: what a mere comparison would do, on the same server, in the same order.
  test.each([
    ["compares the term and locks nothing writes after the takeover", "", "taken written"],
    ["locks the row as commit does holds the takeover back until it has ended", " for key share", "written taken"],
  ])("that %s", async (_, lock, order) => {
    const term = await take(a, "a");
    await outside.query("begin");
    const held = await outside.query(`select term from leadership where scope = 'global' and term = $1${lock}`, [term]);
    expect(held.rowCount).toBe(1);
    const seen: string[] = [];
    const taken = take(b, "b").then(() => seen.push("taken"));
    // A takeover that waits for nobody is over by now; one that is held back waits for the lock.
    if (lock === "") await taken;
    else await expect.poll(() => waitingFor("leadership"), { timeout: 5_000, interval: 10 }).toBe(true);
    await outside.query("insert into category (id, name) values ('late', 'Late')");
    // Before it is asked for: whose answer comes first afterwards, that of the end or that of the takeover, says nothing.
    seen.push("written");
    await outside.query("commit");
    await taken;
    expect(seen.join(" ")).toBe(order);
    expect((await outside.query("select 1 from category where id = 'late'")).rowCount).toBe(1);
    expect((await b.readLeadership())?.term).toBe(term + 1);
  });

  test("what the server refuses is said to be not stored, definitely", async () => {
    const term = (await a.takeLeadership(null, "a", TTL_MS))?.term ?? 0;
    await expect(a.commit(term, changes([node("bad\u0000name")]))).rejects.toBeInstanceOf(UnstorableChangesError);
    expect(await names()).toEqual([]);
    await a.commit(term, changes([node("good")]));
    expect(await names()).toEqual(["good"]);
  });

  test("a commit writes all of it or nothing", async () => {
    const term = await take(a, "a");
    const twice = node("twice");
    const bad = { ...changes([node("ok")]), holdings: [{ containerId: randomUUID(), rooms: [] }], commands: [] };
    const event = {
      type: "x",
      severity: "info" as const,
      message: "",
      nodeId: null,
      containerId: null,
      migrationId: null,
      clusterIds: [],
      requestId: "",
      data: {},
    };
    const events = [1, 1].map((sequence) => ({ ...event, sequence, atMs: 0 }));
    await expect(a.commit(term, { ...bad, events })).rejects.not.toBeInstanceOf(StaleTermError);
    expect(await names()).toEqual([]);
    await a.commit(term, changes([twice]));
    expect(await names()).toEqual(["twice"]);
  });
});
