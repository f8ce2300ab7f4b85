import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandResult } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { WorkloadState, type WorkloadStatus } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bootClock, systemTimers } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { Journal } from "../journal/journal.ts";
import { testCommand, testSpec } from "../node/test-command.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { Executor } from "./executor.ts";

const clock = bootClock();
let dataDir: string;
let journal: Journal;
let runtime: SimulatedRuntime;
let executor: Executor;
let results: CommandResult[];
let reports: WorkloadStatus[];

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-review-"));
  journal = await Journal.open(dataDir);
  await journal.append({ kind: "session", session: "1" });
  runtime = new SimulatedRuntime(clock, systemTimers);
  results = [];
  reports = [];
  executor = new Executor({
    runtime,
    journal,
    guard: new InProcessGuard(),
    mayStart: () => true,
    mayRun: () => true,
    address: "127.0.0.1",
    clock,
    timers: systemTimers,
    log: pino({ level: "silent" }),
  });
  executor.listen(
    (result) => results.push(result),
    (status) => reports.push(status),
  );
  await executor.crashes.attached();
});

afterEach(async () => {
  executor.close();
  await journal.close();
  rmSync(dataDir, { recursive: true });
});

async function obeyed(action: Parameters<typeof testCommand>[1], containerId: string): Promise<void> {
  const command = testCommand(containerId, action);
  executor.submit(command);
  await waitFor("its result", () => results.some(({ commandId }) => commandId === command.commandId));
}

async function started(): Promise<string> {
  const spec = testSpec({ ha: true });
  await obeyed({ case: "start", value: { spec } }, spec.containerId);
  return spec.containerId;
}

const stop = { case: "stop", value: { graceMs: 0 } } as const;
const told = (containerId: string) => reports.filter((report) => report.containerId === containerId);

test("an end that the engine told nobody of is told by a review, and again by the next, until it is settled", async () => {
  const containerId = await started();
  await executor.review();
  expect(told(containerId)).toMatchObject([{ state: WorkloadState.RUNNING }]);
  reports.length = 0;
  runtime.silent = true;
  runtime.crash(containerId, 7);
  await executor.review();
  await executor.review();
  const ended = { state: WorkloadState.EXITED, epoch: 1n, exitCode: 7 };
  expect(told(containerId)).toMatchObject([ended, ended]);
  await obeyed(stop, containerId);
  reports.length = 0;
  await executor.review();
  expect(told(containerId)).toEqual([]);
});

test("a copy that is not there any more is told by a review", async () => {
  const containerId = await started();
  runtime.silent = true;
  await runtime.remove(containerId, false);
  await executor.review();
  expect(told(containerId)).toMatchObject([{ state: WorkloadState.ABSENT }]);
});

test("a review says nothing of what is at work, of what was stopped, or of a session that is closed", async () => {
  const stopped = await started();
  await obeyed(stop, stopped);
  const atWork = await started();
  const closed = await started();
  runtime.silent = true;
  for (const containerId of [atWork, closed]) runtime.crash(containerId, 1);
  reports.length = 0;
  runtime.startMs = 60_000;
  const spec = testSpec({ ha: true, containerId: atWork });
  executor.submit(testCommand(atWork, { case: "start", value: { spec } }, { epoch: 2n }));
  await waitFor("the start at work", () => runtime.calls.includes(`start ${atWork} 2`));
  await executor.review();
  expect(reports.map(({ containerId }) => containerId)).toEqual([closed]);
  await journal.append({ kind: "session_closed", session: "1" });
  await executor.review();
  expect(reports).toHaveLength(1);
});

test("what crashed and was given up is not started again because a review has seen it", async () => {
  const containerId = await started();
  runtime.silent = true;
  runtime.crash(containerId, 1);
  await executor.review();
  executor.crashes.detached();
  await executor.crashes.attached();
  expect(runtime.calls.filter((call) => call.startsWith("start"))).toHaveLength(1);
});
