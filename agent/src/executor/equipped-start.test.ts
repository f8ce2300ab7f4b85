import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Command, CommandResult } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import {
  EquipmentSchema,
  VolumeMountSchema,
  type WorkloadSpec,
  WorkloadState,
  type WorkloadStatus,
} from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootClock, systemTimers } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { Journal } from "../journal/journal.ts";
import { testCommand, testSpec } from "../node/test-command.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { plainCommand } from "../session/plain-command.ts";
import { Executor } from "./executor.ts";

let dataDir: string;
let journal: Journal;
let runtime: SimulatedRuntime;
let executor: Executor;
let results: CommandResult[];
let reports: WorkloadStatus[];
let leased: boolean;
const clock = bootClock();

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-equipped-"));
  runtime = new SimulatedRuntime(clock, systemTimers);
  [results, reports, leased] = [[], [], true];
  journal = await Journal.open(dataDir);
  open();
  await journal.append({ kind: "session", session: "1" });
});

function open(): void {
  const guard = new InProcessGuard();
  const log = pino({ level: "silent" });
  const [mayStart, mayRun] = [() => leased, () => leased];
  executor = new Executor({
    ...{ runtime, journal, guard, mayStart, mayRun, address: "127.0.0.1", clock, timers: systemTimers, log },
  });
  executor.listen(
    (result) => results.push(result),
    (status) => reports.push(status),
  );
}

afterEach(async () => {
  executor.close();
  await journal.close();
  rmSync(dataDir, { recursive: true });
});

function equipped(equipment: MessageInitShape<typeof EquipmentSchema>, ha = true): WorkloadSpec {
  const volumes = [create(VolumeMountSchema, { name: "data", path: "/data", kind: "local" })];
  return testSpec({ ha, volumes, equipment: create(EquipmentSchema, { volume: "data", ...equipment }) });
}

const install = { image: "installer", entrypoint: "sh", script: "true" };
const order = (spec: WorkloadSpec, kind: "start" | "install", epoch = 1n) =>
  testCommand(spec.containerId, { case: kind, value: { spec } }, { epoch });
const resultOf = (command: Command) =>
  waitFor("a result", () => results.find((result) => result.commandId === command.commandId));

async function run(command: Command): Promise<CommandResult> {
  executor.submit(command);
  return resultOf(command);
}

const installs = () => runtime.calls.filter((call) => call.startsWith("install"));

describe("a start with a line that tells that it is ready", () => {
  test("is answered once the line was written, and says until then that it is starting", async () => {
    const spec = equipped({ ready: { lines: ["Done"], budgetMs: 5_000 } });
    const command = order(spec, "start");
    executor.submit(command);
    await waitFor("a report", () => reports.some(({ state }) => state === WorkloadState.STARTING));
    expect(results).toEqual([]);
    runtime.write(spec.containerId, "Done (3s)!");
    expect(await resultOf(command)).toMatchObject({ ok: true, status: { state: WorkloadState.RUNNING } });
  });

  test("fails with its lines and its budget when none was written in time", async () => {
    const spec = equipped({ ready: { lines: [")! For help", "regex:^up$"], budgetMs: 1_000 } });
    expect(await run(order(spec, "start"))).toMatchObject({
      ok: false,
      errorCode: "health_timeout",
      errorMessage: expect.stringMatching(
        /no line with "\)! For help" or "regex:\^up\$" within 1000 ms; look at its logs/,
      ),
    });
  });

  test("fails with its last words when it ends before", async () => {
    const spec = equipped({ ready: { lines: ["Done"], budgetMs: 5_000 } });
    const command = order(spec, "start");
    executor.submit(command);
    await waitFor("the copy", async () => (await runtime.inspect(spec.containerId))?.state === "running");
    runtime.write(spec.containerId, "no EULA");
    runtime.crash(spec.containerId, 1);
    expect(await resultOf(command)).toMatchObject({
      errorCode: "start_failed",
      errorMessage: expect.stringContaining("no EULA"),
    });
  });

  test("is waited for by an agent that comes back meanwhile, which sees what was written", async () => {
    const spec = equipped({ ready: { lines: ["Done"], budgetMs: 60_000 } });
    const command = order(spec, "start");
    executor.submit(command);
    await waitFor("the copy", async () => (await runtime.inspect(spec.containerId))?.state === "running");
    executor.close();
    runtime.write(spec.containerId, "Done");
    results = [];
    open();
    await executor.adopt();
    expect(await run(command)).toMatchObject({ ok: true });
    expect(runtime.calls.filter((call) => call.startsWith("start"))).toHaveLength(1);
  });
});

describe("an install script", () => {
  test("runs before the first start and not again; the same command never twice", async () => {
    const spec = equipped({ install });
    const first = order(spec, "start");
    expect(await run(first)).toMatchObject({ ok: true });
    executor.submit(first);
    await run(testCommand(spec.containerId, { case: "stop", value: { graceMs: 0 } }));
    expect(await run(order(spec, "start", 2n))).toMatchObject({ ok: true });
    expect(installs()).toEqual([`install ${spec.containerId} 1`]);
  });

  test("that fails makes the start fail, and nothing is started", async () => {
    runtime.installExit = 7;
    const spec = equipped({ install });
    expect(await run(order(spec, "start"))).toMatchObject({
      ok: false,
      errorCode: "install_failed",
      errorMessage: expect.stringContaining("exit code 7"),
    });
    expect(runtime.calls.some((call) => call.startsWith("start"))).toBe(false);
  });

  test("does not begin for an HA container without a lease, nor go on into a start when the lease ended", async () => {
    leased = false;
    const spec = equipped({ install });
    expect(await run(order(spec, "start"))).toMatchObject({ errorCode: "no_lease" });
    expect(installs()).toEqual([]);
    leased = true;
    runtime.installMs = 200;
    const command = order(spec, "start", 2n);
    executor.submit(command);
    await waitFor("the script", () => installs().length === 1);
    leased = false;
    expect(await resultOf(command)).toMatchObject({ ok: false, errorCode: "no_lease" });
    expect((await runtime.inspect(spec.containerId))?.state).not.toBe("running");
  });

  test.each([
    ["start", 0],
    ["install", 0],
    ["install", 30_000],
  ] as const)(
    "of a command %s is cut by a stop with a grace of %d ms, after which its epoch starts nothing",
    async (kind, graceMs) => {
      runtime.installMs = 60_000;
      const spec = equipped({ install });
      const command = order(spec, kind);
      executor.submit(command);
      await waitFor("the script", () => installs().length === 1);
      expect(await run(testCommand(spec.containerId, { case: "stop", value: { graceMs } }))).toMatchObject({
        ok: true,
      });
      expect(await resultOf(command)).toMatchObject({
        ok: false,
        errorMessage: expect.stringContaining("was stopped"),
      });
      for (const again of ["start", "install"] as const) {
        expect(await run(order(spec, again))).toMatchObject({ errorCode: "stale_epoch" });
      }
    },
  );

  test("is not left running by an agent that died while it ran", async () => {
    const spec = equipped({ install });
    runtime.leaveCreated(spec, 1n, 1n);
    executor.close();
    open();
    await executor.adopt();
    expect(await runtime.inspect(spec.containerId)).toBeNull();
  });

  test("is not run again by the repeated start of an agent that died while it ran, and ended well", async () => {
    const [good, bad] = [equipped({ install }), equipped({ install })];
    runtime.leaveInstalled(good, 1n, 1n, 0);
    runtime.leaveInstalled(bad, 1n, 1n, 3);
    expect(await run(order(good, "start"))).toMatchObject({ ok: true, status: { state: WorkloadState.RUNNING } });
    expect(await run(order(bad, "start"))).toMatchObject({ ok: false, errorCode: "start_failed" });
    expect(installs()).toEqual([]);
  });

  test("that outlived its command is ended before the agent says goodbye", async () => {
    const spec = equipped({ install });
    runtime.leaveCreated(spec, 1n, 1n);
    executor.leave();
    await executor.stopAll(1_000);
    expect(await runtime.inspect(spec.containerId)).toBeNull();
  });

  test("that its cut did not reach is ended once its command's time was up, and the epoch stays open", async () => {
    runtime.installMs = 60_000;
    runtime.installsUncut = true;
    const spec = equipped({ install });
    const command = testCommand(spec.containerId, { case: "install", value: { spec } }, { timeoutMs: 300 });
    expect(await run(command)).toMatchObject({ ok: false, errorCode: "timed_out" });
    await waitFor("its end", async () => (await runtime.inspect(spec.containerId)) === null);
    await waitFor("the line empty", () => !executor.busy(spec.containerId));
    expect(runtime.calls).toContain(`stop ${spec.containerId} SIGKILL 0`);
    runtime.installMs = 0;
    runtime.installsUncut = false;
    expect(await run(order(spec, "start"))).toMatchObject({ ok: true });
  });

  test("is not kept in the journal, where what is restarted is", async () => {
    const spec = equipped({ install, ready: { lines: ["started"] } });
    expect(await run(order(spec, "start"))).toMatchObject({ ok: true });
    const stored = JSON.stringify(journal.state.containers.get(spec.containerId)?.started?.spec);
    expect(stored).toContain('"lines":["started"]');
    expect(stored).not.toContain("installer");
  });

  test("runs again when it is asked for, on what is stopped, and leaves it stopped", async () => {
    const spec = equipped({ install });
    await run(order(spec, "start"));
    expect(await run(order(spec, "install", 2n))).toMatchObject({
      errorCode: "refused",
      errorMessage: expect.stringContaining("stop it before"),
    });
    await run(testCommand(spec.containerId, { case: "stop", value: { graceMs: 0 } }, { epoch: 2n }));
    const again = order(spec, "install", 3n);
    expect(await run(again)).toMatchObject({ ok: true, status: { state: WorkloadState.ABSENT } });
    expect(installs()).toHaveLength(2);
    executor.submit(again);
    leased = false;
    expect(await run(order(spec, "install", 4n))).toMatchObject({ errorCode: "no_lease" });
    expect(installs()).toHaveLength(2);
    const without = equipped({});
    leased = true;
    expect(await run(order(without, "install"))).toMatchObject({ errorCode: "refused" });
  });
});

test("what an older agent would not know is a start like any other", () => {
  const spec = equipped({ install });
  const prepare = testCommand(spec.containerId, { case: "prepareEquipped", value: { spec } });
  expect(plainCommand(prepare).action).toMatchObject({ case: "prepare", value: { spec } });
  const start = testCommand(spec.containerId, { case: "startEquipped", value: { spec } });
  expect(plainCommand(start).action).toMatchObject({ case: "start", value: { spec } });
});
