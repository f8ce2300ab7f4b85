import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ManualClock } from "../runtime/manual-clock.ts";
import { PostgresUsageStore } from "../store/postgres-usage-store.ts";
import { usageSamples } from "../store/read-model/usage-readings.ts";
import { DEFAULT_RETENTION, forgetThePast } from "../store/retention.ts";
import { type TestDatabase, testDatabase } from "../store/test-database.ts";
import { UsageBoard } from "./usage-board.ts";
import { SAMPLES_PER_STATEMENT, SAMPLES_PER_TICK, UsageRecorder } from "./usage-recorder.ts";
import type { UsageSample, UsageStore } from "./usage-sample.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const id = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

let database: TestDatabase;
let clock: ManualClock;
let board: UsageBoard;
let store: UsageStore;
let warnings: string[];
/** What this coordinator believes of itself. */
let present: { leader: boolean; term: number };

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  board = new UsageBoard();
  store = new PostgresUsageStore(database.database);
  warnings = [];
  present = { leader: true, term: 1 };
  await run("delete from usage_sample");
  await leads(1);
});

const run = (sql: string, params: unknown[] = []) => database.database.orm.em.fork().execute(sql, params);
const leads = async (term: number) => {
  await run("delete from leadership");
  await run("insert into leadership (scope, holder, term, ttl_ms) values ('global', 'here', ?, 15000)", [term]);
};
const recorder = () =>
  new UsageRecorder({
    ...{ board, store, clock, leading: () => present },
    log: { info: () => {}, error: () => {}, warn: (_: object, text: string) => void warnings.push(text) },
  });
const report = (containerId: string, cpuMillis: number) => ({
  ...{ containerId, epoch: 1, session: 1, state: "running" as const, exitCode: null, detail: "" },
  usage: { cpuMillis, memoryBytes: cpuMillis * 1_000 },
});
const stored = (containerId = id(1), hourly = false) => {
  const filter = { containerId, hourly, from: new Date(0), until: new Date(clock.wallMs() + DAY_MS) };
  return usageSamples({ em: database.database.orm.em.fork() }, filter);
};
const pass = (ms: number) => clock.advance(ms, async () => {});
/** The next moment at which an hour begins. */
const atAnHour = () => pass(HOUR_MS - (clock.wallMs() % HOUR_MS));

test("what agents report is there by the minute and by the hour, and a stop in order loses nothing", async () => {
  await atAnHour();
  const recording = recorder();
  for (let beat = 0; beat < 9; beat += 1) {
    board.note("n", report(id(1), 100 * (beat + 1)), clock.wallMs());
    await pass(10_000);
    await recording.tick();
  }
  expect(await stored()).toMatchObject([{ seconds: 60, reports: 6, cpuMillis: 350, cpuMillisMax: 600 }]);
  await recording.stop();
  expect(await stored()).toMatchObject([
    { reports: 6, memoryBytes: 350_000 },
    { reports: 3, cpuMillis: 800, cpuMillisMax: 900, memoryBytesMax: 900_000 },
  ]);
  expect(await stored(id(1), true)).toMatchObject([{ seconds: 3_600, reports: 9, cpuMillis: 500 }]);
});

test("two leaders' parts of one stretch become one sample, weighted by their reports", async () => {
  await atAnHour();
  const first = recorder();
  for (const cpu of [100, 100, 100]) board.note("n", report(id(1), cpu), clock.wallMs());
  await first.tick();
  await first.stop();
  await leads(2);
  present = { leader: true, term: 2 };
  board = new UsageBoard();
  const second = recorder();
  await second.tick();
  board.note("n", report(id(1), 500), clock.wallMs() + 30_000);
  await second.stop();
  expect(await stored()).toMatchObject([{ reports: 4, cpuMillis: 200, cpuMillisMax: 500 }]);
  expect(await stored(id(1), true)).toMatchObject([{ reports: 4, cpuMillis: 200 }]);
});

test("a coordinator that was deposed writes nothing, and forgets what it knew once it hears of it", async () => {
  const recording = recorder();
  await recording.tick();
  board.note("n", report(id(1), 100), clock.wallMs());
  await leads(2);
  await pass(120_000);
  await recording.tick();
  expect(await stored()).toEqual([]);
  expect(warnings).toHaveLength(1);
  expect(board.waiting).toBeGreaterThan(0);
  present = { leader: false, term: 2 };
  await recording.tick();
  expect([board.waiting, board.containers]).toEqual([0, 0]);
  await recording.stop();
  expect(await stored()).toEqual([]);
});

test("one look writes no more than it may, in statements of at most 1,000, and what fails is tried again", async () => {
  const batches: number[] = [];
  let fails = true;
  store = {
    async append(_term, samples: readonly UsageSample[]) {
      batches.push(samples.length);
      if (fails) throw new Error("away");
    },
  };
  const recording = recorder();
  await recording.tick();
  for (let at = 0; at < 3_000; at += 1) board.note("n", report(id(at), 1), clock.wallMs());
  await pass(60_000);
  await recording.tick();
  expect([batches, warnings.length]).toEqual([[SAMPLES_PER_STATEMENT], 1]);
  fails = false;
  batches.length = 0;
  await recording.tick();
  expect(batches.reduce((sum, count) => sum + count, 0)).toBe(SAMPLES_PER_TICK);
  expect(Math.max(...batches)).toBeLessThanOrEqual(SAMPLES_PER_STATEMENT);
  await recording.tick();
  expect(batches.reduce((sum, count) => sum + count, 0)).toBe(3_000);
  await recording.stop();
});

test("fine samples go after a day and those of hours after 30, however many there are", async () => {
  const nowMs = clock.wallMs();
  const sample = (containerId: string, ageMs: number, hourly: boolean): UsageSample => ({
    ...{ containerId, hourly, atMs: nowMs - ageMs, seconds: 60, reports: 1 },
    ...{ cpuMillis: 1, cpuMillisMax: 1, memoryBytes: 1, memoryBytesMax: 1 },
  });
  const old = Array.from({ length: 6_000 }, (_, at) => sample(id(at), DAY_MS + 1, false));
  await store.append(1, old);
  const kept = [sample(id(1), DAY_MS - 1_000, false), sample(id(1), 30 * DAY_MS - 1_000, true)];
  await store.append(1, [...kept, sample(id(1), 30 * DAY_MS + 1_000, true)]);
  await forgetThePast(database.database, DEFAULT_RETENTION, nowMs);
  const [left] = await run("select count(*)::int as rows from usage_sample");
  expect(left).toEqual({ rows: 2 });
  expect([await stored(id(1)), await stored(id(1), true)]).toMatchObject([[{ seconds: 60 }], [{ seconds: 60 }]]);
});
