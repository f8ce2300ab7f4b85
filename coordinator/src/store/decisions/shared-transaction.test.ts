import { randomUUID } from "node:crypto";
import { SeededRandom } from "@lormas/chance/seeded-random.ts";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DecisionChanges, JobChange, MigrationChange } from "../../runtime/decision-store.ts";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { PostgresDecisionStore } from "./postgres-decision-store.ts";

// Decisions that share a transaction must leave the same rows as if each had been committed alone.

const TTL_MS = 15_000;
const STEPS = ["queued", "preparing", "stopping", "starting", "cleaning_up"];
const JOBS = ["create", "start", "stop"];
const ids = Array.from({ length: 4 }, () => randomUUID());

let database: TestDatabase;
let store: PostgresDecisionStore;
let reader: pg.Client;

beforeEach(async () => {
  database = await testDatabase();
  store = new PostgresDecisionStore(database.database);
  reader = new pg.Client({ connectionString: database.url });
  await reader.connect();
  await store.takeLeadership(null, "a", TTL_MS);
});
afterEach(async () => {
  await reader.end();
  await database.drop();
});

const NOTHING: DecisionChanges = {
  ...{
    clusters: [],
    removedClusters: [],
    removedNodes: [],
    memberships: [],
    nodes: [],
    containers: [],
    forgotten: [],
    holdings: [],
  },
  ...{ migrations: [], jobs: [], events: [], commands: [], endedCommands: [], usedTokens: [] },
  ...{ alerts: [], alertNotices: [], newestSequence: 7, atMs: 1_000 },
};

type Decision = { readonly migrations: readonly MigrationChange[]; readonly jobs: readonly JobChange[] };

/** A life of some migrations and operations, a change at a time. */
function decisions(random: SeededRandom): Decision[] {
  const begun = new Set<string>();
  const over = new Set<string>();
  let job = 0;
  return Array.from({ length: 40 }, (): Decision => {
    const containerId = random.oneOf(ids) ?? expect.fail();
    if (random.chance(0.4)) {
      const kind = random.oneOf(JOBS) ?? expect.fail();
      job += 1;
      const id = `00000000-0000-4000-8000-${String(job).padStart(12, "0")}`;
      const jobs: JobChange[] = random.chance(0.6)
        ? [{ kind: "begun", id, containerId, ...WHO, job: kind, ...(random.chance(0.2) ? DONE : UNDER_WAY) }]
        : [{ kind: "ended", containerId, jobs: [kind, "create"], ...end(`no ${job}`, random.chance(0.5)) }];
      return { migrations: [], jobs };
    }
    const id = containerId;
    const detail = `it's "${job}" ? \\ `;
    if (!begun.has(id)) {
      begun.add(id);
      const who = {
        id,
        containerId,
        containerName: "web",
        sourceNodeId: ids[0] ?? "",
        trigger: "manual",
        requestId: "move-it-1",
      };
      return { jobs: [], migrations: [{ kind: "begun", ...who }, ...(random.chance(0.5) ? [step(id, random)] : [])] };
    }
    if (over.has(id)) return { migrations: [], jobs: [] };
    if (random.chance(0.2)) {
      over.add(id);
      const outcome = random.oneOf(["completed", "failed"]) ?? "";
      const why = { errorCode: "no_capacity", errorMessage: detail };
      return { jobs: [], migrations: [{ kind: "ended", id, outcome, downtimeMs: random.below(900), ...why }] };
    }
    if (random.chance(0.2)) {
      // The store keeps a decision as it is and reads nothing of it: any value stands for one.
      const decision = { detail } as unknown as Extract<MigrationChange, { kind: "decided" }>["decision"];
      const targetNodeId = random.chance(0.7) ? (random.oneOf(ids) ?? null) : null;
      return { jobs: [], migrations: [{ kind: "decided", id, targetNodeId, decision }] };
    }
    return { jobs: [], migrations: [step(id, random)] };
  });
}

const UNDER_WAY = { done: null, eventsThrough: null };
const DONE = { done: { reached: "stopped", nodeId: null, epoch: 7 }, eventsThrough: 6 };
const RUNNING = { reached: "running", nodeId: ids[0] ?? "", epoch: 3 };
const end = (error: string, hasFailed: boolean) => ({
  ...(hasFailed ? { error, result: null } : { error: "", result: RUNNING }),
  eventsThrough: 7,
});
const WHO = {
  containerName: "web",
  requestedBy: "somebody",
  requestId: "do-it-now",
  migrationId: null,
  eventsAfter: 5,
};

const step = (id: string, random: SeededRandom): MigrationChange => ({
  ...{ kind: "step", id, detail: "why" },
  name: random.oneOf(STEPS) ?? "",
});

async function rows(): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const query of [
    "select * from migration order by id",
    "select * from migration_step order by migration_id, position",
    "select * from job order by id",
  ]) {
    found.push((await reader.query(query)).rows);
  }
  await reader.query("truncate migration, migration_step, job");
  return found;
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "decisions in one transaction leave what they leave one by one: %i",
  async (seed) => {
    const story = decisions(new SeededRandom(seed, "decisions"));
    for (const decision of story) await store.commit(1, { ...NOTHING, ...decision });
    const apart = await rows();
    const random = new SeededRandom(seed, "batches");
    for (let from = 0; from < story.length; ) {
      const batch = story.slice(from, from + 1 + random.below(20));
      from += batch.length;
      const migrations = batch.flatMap((decision) => decision.migrations);
      await store.commit(1, { ...NOTHING, migrations, jobs: batch.flatMap(({ jobs }) => jobs) });
    }
    expect(await rows()).toEqual(apart);
    expect(apart.flat().length).toBeGreaterThan(10);
  },
);

test("a decision about more rows than a statement of PostgreSQL may have parameters for is stored whole", async () => {
  const events = Array.from({ length: 8_000 }, (_, index): DecisionChanges["events"][number] => ({
    ...{ sequence: index + 1, atMs: 0, type: "x", severity: "info", message: "m", data: {} },
    ...{ nodeId: null, containerId: null, migrationId: null, clusterIds: [], requestId: "" },
  }));
  await store.commit(1, { ...NOTHING, events });
  expect((await reader.query("select count(*)::int from event")).rows).toEqual([{ count: 8_000 }]);
});
