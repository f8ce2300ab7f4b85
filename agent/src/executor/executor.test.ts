import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { Command, CommandResult } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import {
  HealthCheckSchema,
  VolumeMountSchema,
  WorkloadState,
  type WorkloadStatus,
} from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootClock, systemTimers } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { Journal } from "../journal/journal.ts";
import { testCommand, testId, testSpec } from "../node/test-command.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { SLOT_WAITING_MAX } from "./container-slot.ts";
import { Executor, PARALLEL_STARTS_MAX } from "./executor.ts";
import { FAILURES_UNHEALTHY } from "./health-watch.ts";

let dataDir: string;
let journal: Journal;
let runtime: SimulatedRuntime;
let executor: Executor;
let guard: InProcessGuard;
let results: CommandResult[];
let reports: WorkloadStatus[];
let leased: boolean;

const clock = bootClock();
const health = create(HealthCheckSchema, {
  kind: "command",
  command: "check",
  intervalMs: 20,
  timeoutMs: 500,
  startBudgetMs: 300,
});
const start = (spec = testSpec()) => ({ case: "start" as const, value: { spec } });
const stop = { case: "stop" as const, value: { graceMs: 50 } };

async function open(): Promise<void> {
  journal = await Journal.open(dataDir);
  guard = new InProcessGuard();
  executor = new Executor({
    runtime,
    journal,
    guard,
    mayStart: () => leased,
    mayRun: () => leased,
    address: "127.0.0.1",
    clock,
    timers: systemTimers,
    log: pino({ level: "silent" }),
  });
  executor.listen(
    (result) => results.push(result),
    (status) => reports.push(status),
  );
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-executor-"));
  runtime = new SimulatedRuntime(clock, systemTimers);
  results = [];
  reports = [];
  leased = true;
  await open();
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

describe("the executor", () => {
  test("starts a container and answers with its state", async () => {
    const spec = testSpec({ ha: true });
    const result = await run(testCommand(spec.containerId, start(spec), { epoch: 4n }));
    expect(result).toMatchObject({ ok: true, status: { epoch: 4n, session: 1n, state: WorkloadState.RUNNING } });
    expect(journal.state.containers.get(spec.containerId)).toMatchObject({
      epoch: 4n,
      started: { epoch: 4n, session: 1n },
    });
  });

  test("keeps no login for a registry: neither in its journal nor in what it answers", async () => {
    const spec = testSpec({ image: "registry.example.org/app:1" });
    const registries = [{ server: "registry.example.org", username: "robot", password: "canary-of-the-robot" }];
    const begin = { case: "start" as const, value: { spec, registries } };
    expect(await run(testCommand(spec.containerId, begin))).toMatchObject({ ok: true });
    await journal.close();
    const kept = readdirSync(dataDir).map((name) => readFileSync(join(dataDir, name), "latin1"));
    expect(kept.join()).toContain("registry.example.org/app:1");
    expect(`${kept.join()} ${results.map(String).join()}`).not.toContain("canary");
  });

  test("starts no HA container while no guard answers, but any other", async () => {
    guard.answering = false;
    const ha = testSpec({ ha: true });
    const refused = await run(testCommand(ha.containerId, start(ha)));
    expect(refused).toMatchObject({
      ok: false,
      errorCode: "no_lease",
      errorMessage: expect.stringContaining("no guard"),
    });
    expect((await runtime.inspect(ha.containerId))?.state).not.toBe("running");
    const plain = testSpec({ ha: false });
    expect(await run(testCommand(plain.containerId, start(plain)))).toMatchObject({ ok: true });
  });

  test("a repeated command does nothing and answers the same, also after a restart of the agent", async () => {
    const spec = testSpec();
    const command = testCommand(spec.containerId, start(spec));
    executor.submit(command);
    executor.submit(command);
    const first = await resultOf(command);
    executor.submit(command);
    await waitFor("the repeated answer", () => results.length === 2);
    executor.close();
    await journal.close();
    await open();
    expect(executor.unacked()).toEqual([first]);
    executor.submit(command);
    await waitFor("the answer after the restart", () => results.length === 3);
    expect(results).toEqual([first, first, first]);
    expect(runtime.calls.filter((call) => call.startsWith("start"))).toHaveLength(1);
    await executor.acknowledged(command.commandId);
    expect(executor.unacked()).toEqual([]);
  });

  test("a stopped epoch never starts again, a higher one does", async () => {
    const spec = testSpec();
    const id = spec.containerId;
    await run(testCommand(id, start(spec), { epoch: 2n }));
    expect(await run(testCommand(id, stop, { epoch: 2n }))).toMatchObject({
      ok: true,
      status: { state: WorkloadState.EXITED },
    });
    expect(await run(testCommand(id, start(spec), { epoch: 2n }))).toMatchObject({
      ok: false,
      errorCode: "stale_epoch",
    });
    expect(await run(testCommand(id, start(spec), { epoch: 1n }))).toMatchObject({
      ok: false,
      errorCode: "stale_epoch",
    });
    expect(await run(testCommand(id, start(spec), { epoch: 3n }))).toMatchObject({ ok: true });
  });

  test("a stop closes an epoch of which it never heard a start", async () => {
    const spec = testSpec();
    expect(await run(testCommand(spec.containerId, stop, { epoch: 9n }))).toMatchObject({ ok: true });
    expect(await run(testCommand(spec.containerId, start(spec), { epoch: 9n }))).toMatchObject({
      errorCode: "stale_epoch",
    });
  });

  test("a start that comes just before the lease waits for it", async () => {
    leased = false;
    const spec = testSpec({ ha: true });
    const command = testCommand(spec.containerId, start(spec));
    executor.submit(command);
    queueMicrotask(() => {
      leased = true;
    });
    expect(await resultOf(command)).toMatchObject({ ok: true });
  });

  test("a lease that ends while the engine is at work starts nothing", async () => {
    runtime.startMs = 200;
    const spec = testSpec({ ha: true });
    const command = testCommand(spec.containerId, start(spec));
    executor.submit(command);
    await waitFor("the engine at work", () => runtime.calls.length > 0);
    leased = false;
    expect(await resultOf(command)).toMatchObject({ ok: false, errorCode: "no_lease" });
    expect(await runtime.inspect(spec.containerId)).toBeNull();
  });

  test("a start that never gets healthy fails with the last problem, and is watched on", async () => {
    runtime.healthOfNew = 1;
    const spec = testSpec({ health });
    const result = await run(testCommand(spec.containerId, start(spec)));
    expect(result).toMatchObject({
      ok: false,
      errorCode: "health_timeout",
      status: { state: WorkloadState.UNHEALTHY },
    });
    expect(result.errorMessage).toMatch(/within 300 ms.*"check" ended with exit code 1.*logs/);
    runtime.setHealth(spec.containerId, 0);
    await waitFor("a report of its recovery", () => reports.at(-1)?.state === WorkloadState.RUNNING);
  });

  test("a process that ends before it is healthy fails the start with its last output", async () => {
    runtime.healthOfNew = 1;
    const spec = testSpec({ health: { ...health, startBudgetMs: 10_000 } });
    const command = testCommand(spec.containerId, start(spec));
    executor.submit(command);
    await waitFor("STARTING reported", () => reports.at(-1)?.state === WorkloadState.STARTING);
    runtime.write(spec.containerId, "cannot bind");
    runtime.crash(spec.containerId, 2);
    const result = await resultOf(command);
    expect(result).toMatchObject({ ok: false, errorCode: "start_failed", status: { exitCode: 2 } });
    expect(result.errorMessage).toContain("cannot bind");
  });

  test("a stop does not wait until a start's budget is used up", async () => {
    runtime.healthOfNew = 1;
    const spec = testSpec({ health: { ...health, startBudgetMs: 60_000 } });
    const starting = testCommand(spec.containerId, start(spec));
    executor.submit(starting);
    await waitFor("STARTING reported", () => reports.length > 0);
    expect(await run(testCommand(spec.containerId, stop))).toMatchObject({ ok: true });
    expect(await resultOf(starting)).toMatchObject({ ok: false, errorCode: "start_failed" });
  });

  test("reports a crash, and a container that stops and begins to answer", async () => {
    const spec = testSpec({ health });
    await run(testCommand(spec.containerId, start(spec)));
    runtime.setHealth(spec.containerId, 1);
    const unhealthy = await waitFor("UNHEALTHY", () =>
      reports.find((status) => status.state === WorkloadState.UNHEALTHY),
    );
    expect(unhealthy.detail).toContain("exit code 1");
    expect(FAILURES_UNHEALTHY).toBeGreaterThan(1);
    runtime.setHealth(spec.containerId, 0);
    await waitFor("RUNNING again", () => reports.at(-1)?.state === WorkloadState.RUNNING);
    runtime.crash(spec.containerId, 7);
    await waitFor("EXITED", () => reports.at(-1)?.state === WorkloadState.EXITED);
    expect(reports.at(-1)).toMatchObject({ exitCode: 7, epoch: 1n });
  });

  test("a start of the copy that runs already is healthy without a second one; a later epoch replaces it", async () => {
    const spec = testSpec();
    await run(testCommand(spec.containerId, start(spec)));
    expect(await run(testCommand(spec.containerId, start(spec)))).toMatchObject({ ok: true });
    expect(runtime.calls.filter((call) => call.startsWith("start"))).toHaveLength(1);
    expect(await run(testCommand(spec.containerId, start(spec), { epoch: 2n }))).toMatchObject({
      status: { epoch: 2n },
    });
  });

  test("a copy that ends after the last look of its start and before the answer is reported after it", async () => {
    const spec = testSpec({ ha: true });
    const inspect = runtime.inspect.bind(runtime);
    let ended = false;
    runtime.inspect = async (containerId) => {
      const seen = await inspect(containerId);
      if (seen?.state === "running" && !ended) {
        ended = true;
        runtime.crash(containerId, 137);
      }
      return seen;
    };
    expect(await run(testCommand(spec.containerId, start(spec), { epoch: 2n }))).toMatchObject({ ok: true });
    const report = await waitFor("a report", () => reports.find(({ state }) => state === WorkloadState.EXITED));
    expect(report).toMatchObject({ containerId: spec.containerId, epoch: 2n, exitCode: 137 });
  });

  test("a start of a copy that has ended since is answered with its end, and not carried out a second time", async () => {
    const spec = testSpec({ ha: true });
    await run(testCommand(spec.containerId, start(spec), { epoch: 3n }));
    executor.close();
    await journal.close();
    runtime.crash(spec.containerId, 137);
    await open(); // The agent of before died with its answer.
    expect(await run(testCommand(spec.containerId, start(spec), { epoch: 3n }))).toMatchObject({
      ok: false,
      errorCode: "start_failed",
      errorMessage: expect.stringContaining("ended before it was healthy"),
    });
    expect((await runtime.inspect(spec.containerId))?.state).toBe("exited");
    expect(await run(testCommand(spec.containerId, start(spec), { epoch: 4n }))).toMatchObject({ ok: true });
  });

  test("removes containers of older sessions, keeps their volumes and takes no order of them", async () => {
    const spec = testSpec({ volumes: [create(VolumeMountSchema, { name: "data", path: "/data", kind: "local" })] });
    await run(testCommand(spec.containerId, start(spec)));
    await executor.removeOlder(2n);
    await journal.append({ kind: "session", session: "2" });
    expect(await executor.inventory()).toEqual([]);
    expect(runtime.volumes.has(spec.containerId)).toBe(true);
    expect(await run(testCommand(spec.containerId, start(spec)))).toMatchObject({ errorCode: "stale_session" });
  });

  test("an end that is seen late takes nothing from the copy that was started since", async () => {
    const spec = testSpec({ health });
    await run(testCommand(spec.containerId, start(spec)));
    const look = runtime.inspect.bind(runtime);
    let seeLate = () => {};
    const late = new Promise<void>((resolve) => {
      seeLate = resolve;
    });
    runtime.inspect = async (id) => {
      runtime.inspect = look;
      const seen = await look(id);
      await late;
      return seen;
    };
    runtime.crash(spec.containerId, 7);
    expect(await run(testCommand(spec.containerId, start(spec), { epoch: 2n }))).toMatchObject({ ok: true });
    seeLate();
    await waitFor("the late look", () => runtime.inspect === look);
    runtime.setHealth(spec.containerId, 1);
    await waitFor("UNHEALTHY", () => reports.at(-1)?.state === WorkloadState.UNHEALTHY);
  });

  test("what has gone since the inventory is reported, also by an agent that found it running", async () => {
    const spec = testSpec();
    await run(testCommand(spec.containerId, start(spec)));
    executor.close();
    await journal.close();
    await open();
    await executor.adopt();
    expect(await executor.inventory()).toMatchObject([{ state: WorkloadState.RUNNING }]);
    runtime.inspect = async () => null;
    runtime.crash(spec.containerId, 137);
    const report = await waitFor("a report", () => reports.at(-1));
    expect(report).toMatchObject({ containerId: spec.containerId, state: WorkloadState.ABSENT });
  });

  test("what a container uses is measured when asked for, and no answer waits for it", async () => {
    const spec = testSpec({ health });
    runtime.usage = () => new Promise(() => undefined);
    expect(await run(testCommand(spec.containerId, start(spec)))).toMatchObject({ ok: true });
    expect(await executor.inventory()).toMatchObject([{ containerId: spec.containerId, memoryUsedBytes: 0n }]);
    runtime.setHealth(spec.containerId, 1);
    await waitFor("UNHEALTHY", () => reports.at(-1)?.state === WorkloadState.UNHEALTHY);

    runtime.usage = async () => ({ memoryUsedBytes: 4_096, cpuUsedMillis: 7 });
    const used = { containerId: spec.containerId, memoryUsedBytes: 4_096n, cpuUsedMillis: 7 };
    await executor.review();
    expect(reports.at(-1)).toMatchObject(used);
    runtime.setHealth(spec.containerId, 0);
    const report = await waitFor("RUNNING", () => reports.at(-1)?.state === WorkloadState.RUNNING && reports.at(-1));
    expect(report).toMatchObject(used);
  });

  test("what the engine is still starting when the agent leaves is waited for and stopped", async () => {
    const spec = testSpec();
    let engineAnswers = () => {};
    const answer = new Promise<void>((resolve) => {
      engineAnswers = resolve;
    });
    let told = false;
    const begin = runtime.start.bind(runtime);
    runtime.start = (request) =>
      begin({
        ...request,
        release: async (group) => {
          await request.release(group);
          told = true;
          await answer;
        },
      });
    executor.submit(testCommand(spec.containerId, start(spec)));
    await waitFor("a start that the engine knows of", () => told);
    executor.leave();
    const stopped = executor.stopAll(1_000);
    await runtime.list();
    engineAnswers();
    await stopped;
    expect((await runtime.list()).filter((copy) => copy.state === "running")).toEqual([]);
  });

  test("commands for one container come one after the other, above the bound they are refused", async () => {
    runtime.startMs = 100;
    const spec = testSpec();
    const commands = Array.from({ length: SLOT_WAITING_MAX + 1 }, (_, n) =>
      testCommand(spec.containerId, start(spec), { epoch: BigInt(n + 1) }),
    );
    for (const command of commands) executor.submit(command);
    expect(results).toMatchObject([{ ok: false, errorCode: "refused" }]);
    await waitFor("all results", () => results.length === commands.length, 15_000);
    expect(results.filter((result) => result.ok)).toHaveLength(SLOT_WAITING_MAX);
  });

  test("several containers start at once, up to a bound", async () => {
    let now = 0;
    let most = 0;
    const begin = runtime.start.bind(runtime);
    runtime.startMs = 50;
    runtime.start = async (request) => {
      now += 1;
      most = Math.max(most, now);
      await begin(request).finally(() => {
        now -= 1;
      });
    };
    const commands = Array.from({ length: 20 }, () => testCommand(testId(), undefined));
    for (const { containerId } of commands) executor.submit(testCommand(containerId, start(testSpec({ containerId }))));
    await waitFor("all results", () => results.length === 20);
    expect(most).toBe(PARALLEL_STARTS_MAX);
    expect(results.every((result) => result.ok)).toBe(true);
  });

  test("a stop does not wait until the engine is back", async () => {
    let asked = 0;
    runtime.ready = async () => {
      asked += 1;
      return false;
    };
    const spec = testSpec({ ha: true });
    const starting = testCommand(spec.containerId, start(spec));
    executor.submit(starting);
    await waitFor("the start asks for the engine", () => asked > 0);
    const stopped = run(testCommand(spec.containerId, stop));
    expect(await resultOf(starting)).toMatchObject({ ok: false, errorCode: "start_failed" });
    expect(await stopped).toMatchObject({ ok: true });
  });

  test("an engine's failure keeps its code, a spec that cannot be run says what is wrong", async () => {
    runtime.failStarts = { code: "port_taken", message: "port 80 is taken: end what uses it" };
    const spec = testSpec();
    expect(await run(testCommand(spec.containerId, start(spec)))).toMatchObject({ ok: false, errorCode: "port_taken" });
    const odd = testSpec({ volumes: [create(VolumeMountSchema, { name: "../up", path: "/data", kind: "local" })] });
    const refused = await run(testCommand(odd.containerId, start(odd)));
    expect(refused.errorMessage).toContain('volume name "../up"');
    expect(runtime.calls.some((call) => call.includes(odd.containerId))).toBe(false);
  });

  test("an agent that leaves stops everything by its own policy and refuses what comes", async () => {
    const spec = testSpec();
    await run(testCommand(spec.containerId, start(spec)));
    executor.leave();
    await executor.stopAll(1_000);
    expect(runtime.calls.at(-1)).toBe(`stop ${spec.containerId} SIGTERM 1000`);
    expect(await run(testCommand(spec.containerId, start(spec), { epoch: 2n }))).toMatchObject({
      errorCode: "refused",
    });
  });
});
