import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command, CommandResult } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bootClock, systemTimers } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { Journal } from "../journal/journal.ts";
import { testCommand, testSpec } from "../node/test-command.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { Executor } from "./executor.ts";

let dataDir: string;
let journal: Journal;
let runtime: SimulatedRuntime;
let executor: Executor;
let results: CommandResult[];

const clock = bootClock();
const start = (spec = testSpec()) => ({ case: "start" as const, value: { spec } });
const stop = { case: "stop" as const, value: { graceMs: 50 } };

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-stop-"));
  runtime = new SimulatedRuntime(clock, systemTimers);
  results = [];
  journal = await Journal.open(dataDir);
  executor = new Executor({
    ...{ runtime, journal, guard: new InProcessGuard(), mayStart: () => true, mayRun: () => true },
    ...{ address: "127.0.0.1", clock, timers: systemTimers, log: pino({ level: "silent" }) },
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

function resultOf(command: Command): Promise<CommandResult> {
  return waitFor("a result", () => results.find((result) => result.commandId === command.commandId));
}

async function run(command: Command): Promise<CommandResult> {
  executor.submit(command);
  return resultOf(command);
}

test.each([
  ["a stop without a grace", { case: "stop" as const, value: { graceMs: 0 } }],
  ["a removal", { case: "remove" as const, value: { removeVolumes: false } }],
])("%s cuts the grace of a stop that hangs, and the one that comes with it", async (_, kill) => {
  runtime.stubborn = true;
  const spec = testSpec();
  const id = spec.containerId;
  await run(testCommand(id, start(spec)));
  const patient = { case: "stop" as const, value: { graceMs: 600_000 } };
  const [hanging, waiting, killing] = [testCommand(id, patient), testCommand(id, patient), testCommand(id, kill)];
  executor.submit(hanging);
  await waitFor("the stop at work", () => runtime.calls.some((call) => call.startsWith("stop")));
  executor.submit(waiting);
  executor.submit(killing);
  for (const command of [hanging, waiting, killing]) expect(await resultOf(command)).toMatchObject({ ok: true });
  expect((await runtime.inspect(id))?.state).not.toBe("running");
  runtime.calls.length = 0;
  await run(testCommand(id, start(spec), { epoch: 2n }));
  executor.submit(testCommand(id, patient, { epoch: 2n }));
  await waitFor("a later stop, which has its grace", () => runtime.calls.some((call) => / [1-9]\d{3}$/.test(call)));
  expect((await runtime.inspect(id))?.state).toBe("running");
  await run(testCommand(id, kill, { epoch: 2n }));
});

test("a container whose stop is a command is asked by that, also when the agent leaves", async () => {
  const spec = testSpec({ stop: { signal: "SIGINT", graceMs: 2_000, command: "save and stop" } });
  const id = spec.containerId;
  await run(testCommand(id, start(spec)));
  await run(testCommand(id, stop));
  expect(runtime.calls.at(-1)).toBe(`stop ${id} save and stop 50`);
  await run(testCommand(id, start(spec), { epoch: 2n }));
  await executor.stopAll(1_000);
  expect(runtime.calls.at(-1)).toBe(`stop ${id} save and stop 1000`);
});
