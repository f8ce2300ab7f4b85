import { afterEach, beforeEach, expect, test } from "vitest";
import type { Reach } from "../../permissions/grant.ts";
import { systemClock } from "../../runtime/system-clock.ts";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { CLUSTER_ID, TestFleet } from "../test-fleet.ts";
import { listEvents } from "./event-readings.ts";
import { readSnapshot } from "./snapshot.ts";
import { eventsWithin } from "./within-reach.ts";

const QUIET_ID = "00000000-0000-4000-8000-000000000002";
const EVENTS = 20_000;
/** One in so many is of the quiet cluster. */
const QUIET_EVERY = 2_000;

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
  await new TestFleet(database.database.orm, systemClock).seed();
});
afterEach(() => database.drop());

test("the events of a quiet cluster are found by an index, and all others are left unread", async () => {
  const { orm } = database.database;
  await orm.em.fork().execute(
    `insert into event (sequence, at, type, severity, message, cluster_ids, data)
     select n, now(), 'x', 'info', 'm', array[case when n % ? = 0 then ? else ? end]::uuid[], '{}' from generate_series(1, ?) n`,
    [QUIET_EVERY, QUIET_ID, CLUSTER_ID, EVENTS],
  );
  await orm.em.fork().execute("analyze event");
  const reach: Reach = { clusterIds: [QUIET_ID], containerIds: [] };
  const all = { after: 0n, containerId: null, nodeId: null, job: null, request: "" };
  const filter = { ...all, pageSize: 0, latest: true, reach };
  const events = await readSnapshot(orm, (snapshot) => listEvents(snapshot, filter));
  expect(events.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: EVENTS / QUIET_EVERY }, (_, index) => (index + 1) * QUIET_EVERY),
  );
  const { sql, params } = eventsWithin(reach);
  const plan = await orm.em
    .fork()
    .execute<Record<string, string>[]>(
      `explain select * from event where (sequence > 0) and (${sql}) order by sequence desc limit 100`,
      [...params],
    );
  const lines = plan.map((row) => row["QUERY PLAN"] ?? "").join("\n");
  expect(lines).toContain("event_cluster_ids_index");
  expect(lines).not.toMatch(/Seq Scan|event_pkey/);
});
