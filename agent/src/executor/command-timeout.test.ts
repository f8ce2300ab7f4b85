import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { Command, CommandResult } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { HealthCheckSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type HandClock, handClock } from "../clock/hand-clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { Journal } from "../journal/journal.ts";
import { testCommand, testSpec } from "../node/test-command.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { Executor, PARALLEL_STARTS_MAX } from "./executor.ts";

let dataDir: string;
let clock: HandClock;
let journal: Journal;
let runtime: SimulatedRuntime;
let executor: Executor;
let results: CommandResult[];

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-timeout-"));
  clock = handClock();
  runtime = new SimulatedRuntime(clock, clock.timers);
  journal = await Journal.open(dataDir);
  results = [];
  executor = new Executor({
    runtime,
    journal,
    guard: new InProcessGuard(),
    mayStart: () => true,
    mayRun: () => true,
    address: "127.0.0.1",
    clock,
    timers: clock.timers,
    log: pino({ level: "silent" }),
  });
  executor.listen(
    (result) => results.push(result),
    () => undefined,
  );
  await journal.append({ kind: "session", session: "1" });
});
afterEach(async () => {
  executor.close();
  await journal.close();
  rmSync(dataDir, { recursive: true });
});

const start = (spec = testSpec()) => ({ case: "start" as const, value: { spec } });
const prepare = (spec = testSpec()) => ({ case: "prepare" as const, value: { spec } });
const stop = (graceMs = 50) => ({ case: "stop" as const, value: { graceMs } });
const remove = { case: "remove" as const, value: { removeVolumes: false } };
const called = (what: string) => waitFor(what, () => runtime.calls.some((call) => call.startsWith(what)));
const answersTo = ({ commandId }: Command) => results.filter((result) => result.commandId === commandId);
const answerTo = (command: Command) => waitFor("a result", () => answersTo(command)[0]);
const idle = (containerId: string) => waitFor("it idle", () => !executor.busy(containerId));
/** Lets a wait that hangs on the clock come to be, and moves on until what is looked for is there. */
async function passUntil<T>(what: string, stepMs: number, look: () => T): Promise<NonNullable<Exclude<T, false>>> {
  return waitFor(what, () => {
    clock.advance(stepMs);
    return look();
  });
}

test("a preparation is cut at its time, counted from the receipt, and answered once", async () => {
  runtime.prepareMs = 60_000;
  const spec = testSpec();
  const command = testCommand(spec.containerId, prepare(spec), { timeoutMs: 5_000 });
  executor.submit(command);
  await called("prepare");
  clock.advance(4_999);
  await journal.append({ kind: "session", session: "1" });
  expect(results).toEqual([]);
  clock.advance(1);
  expect(await answerTo(command)).toMatchObject({
    ok: false,
    errorCode: "timed_out",
    errorMessage: expect.stringContaining("5000 ms"),
  });
  await idle(spec.containerId);
  clock.advance(120_000);
  executor.submit(command);
  await waitFor("the same answer", () => answersTo(command).length === 2);
  expect(new Set(results.map(({ errorCode }) => errorCode))).toEqual(new Set(["timed_out"]));
  expect(runtime.calls.filter((call) => call.startsWith("prepare"))).toHaveLength(1);
});

test.each(["stop", "remove"] as const)("a %s cuts a running preparation of the same container", async (kind) => {
  runtime.prepareMs = 60_000;
  const spec = testSpec();
  const preparation = testCommand(spec.containerId, prepare(spec));
  executor.submit(preparation);
  await called("prepare");
  const end = testCommand(spec.containerId, kind === "stop" ? stop() : remove);
  executor.submit(end);
  expect(await answerTo(preparation)).toMatchObject({ ok: false, errorCode: "refused" });
  expect(await answerTo(end)).toMatchObject({ ok: true });
});

test("what a stale stop would have cut goes on", async () => {
  runtime.prepareMs = 1_000;
  const spec = testSpec();
  const preparation = testCommand(spec.containerId, prepare(spec), { epoch: 2n });
  await journal.append({ kind: "started", containerId: spec.containerId, epoch: "2", session: "1", spec: {} });
  executor.submit(preparation);
  await called("prepare");
  executor.submit(testCommand(spec.containerId, stop(), { epoch: 1n }));
  clock.advance(1_000);
  expect(await answerTo(preparation)).toMatchObject({ ok: true });
});

test("a start that the engine cannot cut is answered at its time, keeps its line, and leaves no copy running", async () => {
  // The engine takes its time after the release, when nothing can hold the copy back any more.
  let appear: () => void = () => undefined;
  const begin = runtime.start.bind(runtime);
  runtime.start = async (request) => {
    await begin(request);
    await new Promise<void>((resolve) => {
      appear = resolve;
    });
  };
  const spec = testSpec({ ha: true });
  const first = testCommand(spec.containerId, start(spec), { epoch: 4n, timeoutMs: 2_000 });
  executor.submit(first);
  await waitFor("the copy", async () => (await runtime.inspect(spec.containerId))?.state === "running");
  clock.advance(2_000);
  expect(await answerTo(first)).toMatchObject({ ok: false, errorCode: "timed_out" });
  expect(executor.busy(spec.containerId)).toBe(true);
  // Repeated while it is still at work: the same answer, at once.
  executor.submit(first);
  await waitFor("the same answer", () => answersTo(first).length === 2);
  appear();
  await waitFor("it ended", async () => (await runtime.inspect(spec.containerId))?.state === "exited");
  await idle(spec.containerId);
  expect(answersTo(first)).toHaveLength(2);
  expect(journal.state.containers.get(spec.containerId)?.closedEpoch).toBe(4n);
  // Closed: this node does not start it again by itself, and a later epoch is its own.
  clock.advance(60_000);
  expect((await runtime.inspect(spec.containerId))?.state).toBe("exited");
  runtime.start = begin;
  const next = testCommand(spec.containerId, start(spec), { epoch: 5n });
  executor.submit(next);
  await passUntil("a result", 50, () => answersTo(next)[0]);
  expect(await answerTo(next)).toMatchObject({ ok: true, status: { epoch: 5n } });
});

test("a start whose time is up before the release starts nothing", async () => {
  runtime.startMs = 3_000;
  const spec = testSpec();
  const command = testCommand(spec.containerId, start(spec), { timeoutMs: 2_000 });
  executor.submit(command);
  await called("start");
  clock.advance(2_000);
  expect(await answerTo(command)).toMatchObject({ errorCode: "timed_out" });
  clock.advance(1_000);
  await idle(spec.containerId);
  expect(await runtime.inspect(spec.containerId)).toBeNull();
});

test("a copy that is not healthy when its command's time is up is stopped, and its epoch closed", async () => {
  runtime.healthOfNew = 1;
  const health = create(HealthCheckSchema, {
    kind: "command",
    command: "check",
    intervalMs: 100,
    startBudgetMs: 60_000,
  });
  const spec = testSpec({ health });
  const command = testCommand(spec.containerId, start(spec), { timeoutMs: 2_000 });
  executor.submit(command);
  await passUntil("a result", 100, () => answersTo(command)[0]);
  expect(answersTo(command)[0]).toMatchObject({ errorCode: "timed_out" });
  await waitFor("it ended", async () => (await runtime.inspect(spec.containerId))?.state === "exited");
  await idle(spec.containerId);
  expect(journal.state.containers.get(spec.containerId)?.closedEpoch).toBe(1n);
});

test("a stop that the coordinator sends meanwhile ends a late start, and is answered for itself", async () => {
  runtime.startMs = 3_000;
  const spec = testSpec();
  const first = testCommand(spec.containerId, start(spec), { timeoutMs: 2_000 });
  executor.submit(first);
  await called("start");
  clock.advance(2_000);
  await answerTo(first);
  const end = testCommand(spec.containerId, stop());
  executor.submit(end);
  clock.advance(1_000);
  expect(await answerTo(end)).toMatchObject({ ok: true });
  expect((await runtime.inspect(spec.containerId))?.state).not.toBe("running");
  expect(answersTo(first)).toHaveLength(1);
});

test("what waits in line when its time is up is answered then, and never takes effect", async () => {
  runtime.startMs = 8_000;
  const spec = testSpec();
  executor.submit(testCommand(spec.containerId, start(spec), { timeoutMs: 0 }));
  await called("start");
  const waiting = testCommand(spec.containerId, prepare(spec), { timeoutMs: 1_000 });
  executor.submit(waiting);
  clock.advance(1_000);
  expect(await answerTo(waiting)).toMatchObject({ errorCode: "timed_out" });
  clock.advance(7_000);
  await passUntil("it idle", 50, () => !executor.busy(spec.containerId));
  expect(runtime.calls.filter((call) => call.startsWith("prepare"))).toEqual([]);
  expect((await runtime.inspect(spec.containerId))?.state).toBe("running");
});

test("a stop whose time was up in line neither ends the copy nor closes its epoch", async () => {
  let appear: () => void = () => undefined;
  const begin = runtime.start.bind(runtime);
  runtime.start = async (request) => {
    await begin(request);
    await new Promise<void>((resolve) => {
      appear = resolve;
    });
  };
  const spec = testSpec();
  const begun = testCommand(spec.containerId, start(spec), { timeoutMs: 0 });
  executor.submit(begun);
  await waitFor("the copy", async () => (await runtime.inspect(spec.containerId))?.state === "running");
  const end = testCommand(spec.containerId, stop(), { timeoutMs: 1_000 });
  executor.submit(end);
  clock.advance(1_000);
  expect(await answerTo(end)).toMatchObject({ errorCode: "timed_out" });
  appear();
  expect(await answerTo(begun)).toMatchObject({ ok: true });
  await idle(spec.containerId);
  expect((await runtime.inspect(spec.containerId))?.state).toBe("running");
  expect(journal.state.containers.get(spec.containerId)?.closedEpoch).toBe(0n);
  expect(answersTo(end)).toHaveLength(1);
});

test("a start that waits for its place among many is cut at its time, and takes no place", async () => {
  runtime.startMs = 10_000;
  for (let n = 0; n < PARALLEL_STARTS_MAX; n++) {
    const spec = testSpec();
    executor.submit(testCommand(spec.containerId, start(spec), { timeoutMs: 0 }));
  }
  await waitFor("all places taken", () => runtime.calls.length === PARALLEL_STARTS_MAX);
  const spec = testSpec();
  const late = testCommand(spec.containerId, start(spec), { timeoutMs: 1_000 });
  executor.submit(late);
  await waitFor("it journalled", () => journal.state.containers.get(spec.containerId)?.started);
  clock.advance(1_000);
  expect(await answerTo(late)).toMatchObject({ errorCode: "timed_out" });
  await idle(spec.containerId);
  clock.advance(9_000);
  expect(runtime.calls.filter((call) => call.startsWith("start"))).toHaveLength(PARALLEL_STARTS_MAX);
  for (let n = 0; n < PARALLEL_STARTS_MAX; n++) {
    const next = testSpec();
    executor.submit(testCommand(next.containerId, start(next), { timeoutMs: 0 }));
  }
  const all = 2 * PARALLEL_STARTS_MAX;
  await waitFor(
    "all places taken again",
    () => runtime.calls.filter((call) => call.startsWith("start")).length === all,
  );
});

test("a stop's grace ends early enough for SIGKILL within the command's time", async () => {
  const spec = testSpec();
  const begun = testCommand(spec.containerId, start(spec));
  executor.submit(begun);
  await passUntil("a result", 50, () => answersTo(begun)[0]);
  const end = testCommand(spec.containerId, stop(30_000), { timeoutMs: 5_000 });
  executor.submit(end);
  expect(await answerTo(end)).toMatchObject({ ok: true });
  expect(runtime.calls).toContain(`stop ${spec.containerId} SIGTERM 4000`);
});
