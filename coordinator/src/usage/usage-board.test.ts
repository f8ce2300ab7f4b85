import { expect, test } from "vitest";
import { UsageBoard } from "./usage-board.ts";
import { finePeriodSeconds, SAMPLES_PER_MINUTE_MAX } from "./usage-period.ts";
import type { LiveUsage } from "./usage-sample.ts";

const HOUR_MS = 3_600_000;
/** The beginning of an hour. */
const T0 = 480_000 * HOUR_MS;
const report = (containerId: string, cpuMillis: number, memoryBytes = 1_000) => ({
  ...{ containerId, epoch: 3, session: 1, state: "running" as const, exitCode: null, detail: "" },
  usage: { cpuMillis, memoryBytes },
});
const fine = (board: UsageBoard) => board.take(1_000).filter(({ hourly }) => !hourly);

test("a minute's reports make one sample: average, peak, and of how many it is made", () => {
  const board = new UsageBoard();
  for (const [at, cpu] of [
    [0, 100],
    [10_000, 200],
    [59_999, 601],
  ] as const)
    board.note("n", report("a", cpu, cpu * 10), T0 + at);
  board.close(T0 + 59_999);
  expect(board.waiting).toBe(0);
  board.close(T0 + 60_000);
  expect(board.take(10)).toEqual([
    {
      ...{ containerId: "a", hourly: false, atMs: T0, seconds: 60, reports: 3 },
      ...{ cpuMillis: 300, cpuMillisMax: 601, memoryBytes: 3_003, memoryBytesMax: 6_010 },
    },
  ]);
});

test("an hour's reports make one more, whatever the minutes were", () => {
  const board = new UsageBoard();
  for (let at = 0; at < HOUR_MS; at += 10_000) {
    board.note("n", report("a", 100), T0 + at);
    if (at % 60_000 === 0) board.close(T0 + at);
  }
  board.close(T0 + HOUR_MS);
  const all = board.take(1_000);
  expect(all.filter(({ hourly }) => !hourly)).toHaveLength(60);
  expect(all.filter(({ hourly }) => hourly)).toMatchObject([
    { atMs: T0, seconds: 3_600, reports: 360, cpuMillis: 100 },
  ]);
});

test("a report without a measurement tells nothing", () => {
  const board = new UsageBoard();
  const { usage: _, ...unmeasured } = report("a", 1);
  board.note("n", unmeasured, T0);
  expect([board.latest("a"), board.containers]).toEqual([null, 0]);
});

test("of whom nothing is heard for a minute nothing is known any more, and what was heard is kept", () => {
  const board = new UsageBoard();
  board.note("n", report("a", 100), T0 + 1_000);
  expect(board.latest("a")).toMatchObject({ nodeId: "n", epoch: 3, cpuMillis: 100 });
  board.close(T0 + 61_000);
  expect(board.containers).toBe(1);
  board.close(T0 + 61_001);
  expect([board.latest("a"), board.containers]).toEqual([null, 0]);
  expect(board.take(10).map(({ hourly, reports }) => [hourly, reports])).toEqual([
    [false, 1],
    [true, 1],
  ]);
});

test("watchers hear every report of their container and of no other, until they stop", () => {
  const board = new UsageBoard();
  const heard: LiveUsage[] = [];
  const stop = board.watch("a", (live) => heard.push(live));
  const stopOther = board.watch("a", () => undefined);
  board.note("n", report("a", 1), T0);
  board.note("n", report("b", 2), T0);
  stopOther();
  board.note("m", report("a", 3), T0 + 10_000);
  stop();
  board.note("n", report("a", 4), T0 + 20_000);
  expect(heard.map(({ nodeId, cpuMillis }) => [nodeId, cpuMillis])).toEqual([
    ["n", 1],
    ["m", 3],
  ]);
});

test("the more containers, the longer a sample stands for: never more than 5,000 a minute, and always a part of an hour", () => {
  for (const containers of [0, 1, 5_000, 5_001, 10_001, 20_000, 100_000, 150_000, 150_001, 300_000]) {
    const seconds = finePeriodSeconds(containers);
    expect(HOUR_MS % (seconds * 1_000)).toBe(0);
    expect(containers / (seconds / 60)).toBeLessThanOrEqual(SAMPLES_PER_MINUTE_MAX);
  }
  expect([1, 5_000, 5_001, 100_000].map(finePeriodSeconds)).toEqual([60, 60, 120, 1_200]);
});

test("where samples become longer none reaches into the one before", () => {
  const board = new UsageBoard();
  board.note("n", report("c0", 1), T0);
  for (let at = 1; at <= SAMPLES_PER_MINUTE_MAX; at += 1) board.note("n", report(`c${at}`, 1), T0 + 59_000);
  board.close(T0 + 59_000); // From here on two minutes.
  board.note("n", report("c0", 1), T0 + 60_000);
  board.note("n", report("c0", 1), T0 + 119_000);
  board.note("n", report("c0", 1), T0 + 120_000);
  board.close(T0 + 240_000);
  const ofOne = board.take(100_000).filter(({ containerId, hourly }) => containerId === "c0" && !hourly);
  expect(ofOne.map(({ atMs, seconds, reports }) => [(atMs - T0) / 1_000, seconds, reports])).toEqual([
    [0, 60, 1],
    [60, 60, 2],
    [120, 120, 1],
  ]);
});

test("a clock that is set back ends the stretch, and what came before stays", () => {
  const board = new UsageBoard();
  board.note("n", report("a", 100), T0 + 120_000);
  board.note("n", report("a", 300), T0);
  board.closeAll();
  expect(fine(board).map(({ atMs, cpuMillis }) => [(atMs - T0) / 1_000, cpuMillis])).toEqual([
    [120, 100],
    [0, 300],
  ]);
});

test("at its bound the oldest samples are dropped and counted; what could not be stored goes back to its place", () => {
  const board = new UsageBoard(100);
  const minute = (at: number) => {
    board.note("n", report("a", at), T0 + at * 60_000);
    board.close(T0 + (at + 1) * 60_000);
  };
  for (let at = 0; at < 59; at += 1) minute(at);
  const first = board.take(10);
  board.putBack(first);
  expect(board.take(10)).toEqual(first);
  board.putBack(first);
  for (let at = 60; at < 160; at += 1) minute(at);
  expect(board.waiting).toBeLessThanOrEqual(100);
  const dropped = board.takeDropped();
  expect(dropped).toBeGreaterThan(0);
  expect(board.takeDropped()).toBe(0);
  expect(fine(board).at(-1)).toMatchObject({ cpuMillis: 159 });
});
