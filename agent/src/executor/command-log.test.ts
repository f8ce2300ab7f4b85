import { AsyncLocalStorage } from "node:async_hooks";
import { create } from "@bufbuild/protobuf";
import { HealthCheckSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Timers } from "../clock/clock.ts";
import { type HandClock, handClock } from "../clock/hand-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { Journal } from "../journal/journal.ts";
import { testCommand, testSpec } from "../node/test-command.ts";
import { CommandScope } from "../runtime/command-scope.ts";
import { loggedRuntime } from "../runtime/logged-runtime.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { Executor } from "./executor.ts";

type Line = Readonly<Record<string, unknown>>;

const spec = testSpec({ ha: true });
let clock: HandClock;
let runtime: SimulatedRuntime;
let journal: Journal;
let executor: Executor;
let lines: Line[];

beforeEach(async () => {
  clock = handClock();
  // A machine's timers run in the scope of whoever has set them.
  const after: Timers["after"] = (delayMs, run) => clock.timers.after(delayMs, AsyncLocalStorage.bind(run));
  const timers = { ...clock.timers, after };
  runtime = new SimulatedRuntime(clock, timers);
  const file = {
    path: "memory",
    read: async () => "",
    replace: async () => {},
    append: async () => {},
    close: async () => {},
  };
  journal = await Journal.over(file);
  await journal.append({ kind: "session", session: "1" });
  lines = [];
  const commands = new CommandScope();
  // As main.ts makes it.
  const log = pino(
    { mixin: () => ({ ...commands.current() }) },
    { write: (line: string) => lines.push(JSON.parse(line)) },
  );
  executor = new Executor({
    runtime: loggedRuntime(runtime, clock, log),
    journal,
    guard: new InProcessGuard(),
    mayStart: () => true,
    mayRun: () => true,
    address: "127.0.0.1",
    clock,
    timers,
    log,
    commands,
  });
});

afterEach(async () => {
  executor.close();
  await journal.close();
});

/** Lets time pass until it is answered. */
async function answered(command: ReturnType<typeof testCommand>): Promise<void> {
  let done = false;
  executor.listen(
    ({ commandId }) => {
      done ||= commandId === command.commandId;
    },
    () => undefined,
  );
  executor.submit(command);
  await passUntil(() => done);
}

async function passUntil(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 2_000 && !holds(); turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(10);
  }
  expect(holds()).toBe(true);
}

const start = { case: "start" as const, value: { spec } };
const told = (of: readonly Line[]) => of.map(({ msg, call }) => (call === undefined ? msg : `${msg}: ${call}`));

test("every line of a command has its id and its request's, from the receipt over the runtime's calls to the result", async () => {
  const first = testCommand(spec.containerId, start, { requestId: "move-web-1" });
  await answered(first);
  expect(told(lines)).toEqual(["command received", "command started", "runtime call done: start", "command done"]);
  for (const line of lines) expect(line).toMatchObject({ requestId: "move-web-1", commandId: first.commandId });

  lines.length = 0;
  executor.submit(first);
  await passUntil(() => told(lines).includes("command answered before"));
  expect(new Set(lines.map(({ requestId }) => requestId))).toEqual(new Set(["move-web-1"]));

  lines.length = 0;
  runtime.failStarts = { code: "port_taken", message: "port 80 is taken" };
  await answered(testCommand(spec.containerId, start, { epoch: 2n, requestId: "decision-7-1532" }));
  const failed = lines.find(({ msg }) => msg === "runtime call failed");
  expect(failed).toMatchObject({ call: "start", code: "port_taken", requestId: "decision-7-1532" });
  expect(JSON.stringify(failed)).not.toContain("port 80");
});

test("a command of a coordinator that names no request is told by its own id alone", async () => {
  const command = testCommand(spec.containerId, start);
  await answered(command);
  expect(lines.every(({ commandId }) => commandId === command.commandId)).toBe(true);
  expect(lines.some((line) => "requestId" in line)).toBe(false);
});

test("what the agent does by itself afterwards is of no command", async () => {
  await answered(testCommand(spec.containerId, start, { requestId: "move-web-1" }));
  lines.length = 0;
  runtime.crash(spec.containerId, 1);
  await passUntil(() => told(lines).includes("runtime call done: start"));
  expect(lines.some((line) => "requestId" in line || "commandId" in line)).toBe(false);
});

test("a copy that ends while its start waits for it is started again by the agent alone", async () => {
  runtime.healthOfNew = 1;
  let crashes = 0;
  runtime.onChange((containerId) => {
    if (crashes++ === 0) runtime.crash(containerId, 1);
  });
  const health = create(HealthCheckSchema, { kind: "command", command: "check", intervalMs: 20, startBudgetMs: 300 });
  const isServed = { case: "start" as const, value: { spec: testSpec({ ...spec, health }) } };
  await answered(testCommand(spec.containerId, isServed, { requestId: "move-web-1" }));
  expect(lines.at(-1)).toMatchObject({ msg: "command done", ok: false });
  lines.length = 0;
  await passUntil(() => lines.some(({ msg }) => String(msg).includes("it was started again")));
  expect(told(lines)).toContain("runtime call done: start");
  expect(lines.filter((line) => "requestId" in line || "commandId" in line)).toEqual([]);
});
