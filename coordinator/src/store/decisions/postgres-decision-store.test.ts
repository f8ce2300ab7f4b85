import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { PostgresDecisionStore } from "./postgres-decision-store.ts";

let db: TestDatabase;
let store: PostgresDecisionStore;
beforeEach(async () => {
  db = await testDatabase();
  store = new PostgresDecisionStore(db.database);
});
afterEach(() => db.drop());

const EVENT = `insert into event (sequence, at, type, severity, message, data)
  values (1, now(), 'node.enrolled', 'info', 'late', '{}')`;

test("the fleet is read after a commit that nobody waits for any more, not before it", async () => {
  await store.takeLeadership(null, "one", 15_000);
  const lost = new pg.Client({ connectionString: db.url });
  await lost.connect();
  try {
    await lost.query("begin");
    await lost.query("select term from leadership where scope = 'global' and term = 1 for key share");
    await lost.query(EVENT);
    let loaded = false;
    const loading = store.load().finally(() => {
      loaded = true;
    });
    // The reader waits for a lock, or has read already.
    const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await expect.poll(async () => loaded || (await lost.query(waiting)).rowCount, { timeout: 5_000 }).toBeTruthy();
    await lost.query("commit");
    expect((await loading).newestSequence).toBe(1);
  } finally {
    await lost.end();
  }
});
