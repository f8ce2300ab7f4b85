import { afterEach, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { JOBS_PER_EVENT_MAX, jobsByEvent } from "./job-readings.ts";
import { readSnapshot } from "./snapshot.ts";

const CONTAINER_ID = "00000000-0000-4000-8000-0000000000d1";
const OTHER_ID = "00000000-0000-4000-8000-0000000000d2";

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database.drop());

test("an event comes with the newest of the jobs that are under way, and with no more than may be told", async () => {
  const { orm } = database.database;
  await orm.em.fork().execute(
    `insert into job (id, container_id, container_name, kind, requested_by, state, created_at, events_after)
     select gen_random_uuid(), ?, 'web', 'suspend', 'by ' || n, 'running', now() + n * interval '1 second', n
       from generate_series(0, ?) n`,
    [CONTAINER_ID, JOBS_PER_EVENT_MAX + 3],
  );
  const event = (sequence: number, containerId: string | null) => ({ sequence, at: new Date(), containerId });
  const told = await readSnapshot(orm, (snapshot) =>
    jobsByEvent(snapshot, [event(2, CONTAINER_ID), event(1_000, CONTAINER_ID)]),
  );
  const by = (sequence: number) => told.get(sequence)?.map(({ row }) => Number(row.requestedBy.slice(3)));
  expect(by(2)).toEqual([1, 0]);
  const newest = JOBS_PER_EVENT_MAX + 3;
  expect(by(1_000)).toEqual(Array.from({ length: JOBS_PER_EVENT_MAX }, (_, index) => newest - index));
  for (const containerId of [OTHER_ID, null]) {
    const [none] = await readSnapshot(orm, (snapshot) => jobsByEvent(snapshot, [event(1_000, containerId)]));
    expect(none?.[1] ?? []).toEqual([]);
  }
});
