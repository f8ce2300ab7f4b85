import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootClock, bootId, systemTimers, wallClock } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import type { GuardAnswer } from "../guard/guard-message.ts";
import { testId, testSpec } from "../node/test-command.ts";
import { allProcesses, isRunning } from "../process/process-table.ts";
import type { GuardedGroup } from "../runtime/container-runtime.ts";
import { ExecRuntime } from "../runtime/exec/exec-runtime.ts";
import { GuardClient } from "./guard-client.ts";
import { guardProcessDoor } from "./guard-process-door.ts";
import { GUARD_ENTRY } from "./guard-program.ts";

// A real guard process and the real exec runtime, without control groups and without root's rights over them: what is left
// is the gate before the first instruction, and killing by session.

const clock = bootClock();
const log = pino({ level: "silent" });
let dataDir: string;
/** A plain file that stands in for the device. */
let watchdog: string;
let guard: GuardClient;
let maySpawn: boolean;
let runtime: ExecRuntime;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-guard-"));
  watchdog = join(mkdtempSync(join(tmpdir(), "lormas-watchdog-")), "device");
  writeFileSync(watchdog, "");
  const settings = { runDir: dataDir, logPath: join(dataDir, "guard.log"), cgroups: null, watchdog };
  const door = guardProcessDoor(settings, null);
  maySpawn = true;
  guard = await GuardClient.open({
    door: { dial: door.dial, spawn: (failed) => maySpawn && door.spawn(failed) },
    launch: null,
    timers: systemTimers,
    log,
  });
  runtime = await ExecRuntime.open({
    dataDir,
    node: { nodeId: testId(), nodeName: "node-x", address: "127.0.0.1" },
    sharedDir: null,
    cgroups: null,
    hostMark: null,
    bootId: bootId(),
    clock,
    wall: wallClock,
    timers: systemTimers,
    log,
  });
});

afterEach(async () => {
  for (const one of await runtime.list()) await runtime.remove(one.containerId, true);
  await runtime.close();
  signalGuard("SIGCONT");
  await guard.dismiss();
  await waitFor("the guard gone", () => guardPids().length === 0);
  rmSync(dataDir, { recursive: true, force: true });
  rmSync(dirname(watchdog), { recursive: true, force: true });
});

function guardPids(): number[] {
  return allProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "latin1");
        return line.includes(GUARD_ENTRY) && line.includes(dataDir);
      } catch {
        return false;
      }
    });
}

function signalGuard(signal: NodeJS.Signals): void {
  for (const pid of guardPids()) process.kill(pid, signal);
}

const until = (deadlineMs: number) => ({ deadlineMs, softEndMs: deadlineMs - 100, killMs: 200, fenced: true });
const marks = (spec: WorkloadSpec) => join(dataDir, "containers", spec.containerId, "files", "ran");
const workload = (ha: boolean) => testSpec({ ha, startup: { exec: "echo ran > ran; sleep 300" } });

/** Starts as the executor does, under a lease of `leaseMs`; `between` runs after the hand-over, before the guard is asked. */
async function start(
  spec: WorkloadSpec,
  leaseMs: number | null = null,
  between: (group: GuardedGroup) => unknown = () => undefined,
) {
  await runtime.start({
    spec,
    epoch: 3n,
    session: 2n,
    permit: async () => undefined,
    release: async (group) => {
      if (!group) throw new Error("the exec runtime hands over what it starts");
      if (leaseMs !== null) expect(await guard.renew(until(clock.nowMs() + leaseMs))).toBe(true);
      await guard.register(group);
      await between(group);
      await guard.enter(group);
    },
  });
}

describe.runIf(process.platform === "linux")("the guard beside plain processes", { timeout: 20_000 }, () => {
  test("without a lease an HA container runs nothing; any other runs", async () => {
    const ha = workload(true);
    await expect(start(ha)).rejects.toMatchObject({ code: "no_lease" });
    expect(existsSync(marks(ha))).toBe(false);
    expect(await runtime.list()).toEqual([]);
    const plain = workload(false);
    await start(plain);
    await waitFor("it runs", () => existsSync(marks(plain)));
  });

  test("under a lease it runs, and at the deadline the guard kills it", async () => {
    const ha = workload(true);
    await start(ha, 1_000);
    await waitFor("it runs", () => existsSync(marks(ha)));
    await waitFor("it killed", async () => (await runtime.inspect(ha.containerId))?.state === "exited");
  });

  test("handed over under a lease that ends before the guard is asked, it runs nothing and dies at its gate", async () => {
    const ha = workload(true);
    const waiting = start(ha, 500, (group) =>
      waitFor("the guard to kill it", () => !isRunning(group.pid, group.startTicks)),
    );
    await expect(waiting).rejects.toMatchObject({ code: "no_lease" });
    expect(existsSync(marks(ha))).toBe(false);
  });

  test("a guard that does not answer lets nobody in, and one that wakes up later neither", async () => {
    const ha = workload(true);
    await expect(start(ha, 60_000, () => signalGuard("SIGSTOP"))).rejects.toMatchObject({ code: "no_lease" });
    expect(guard.answering).toBe(false);
    signalGuard("SIGCONT");
    await waitFor("the guard answers again", () => guard.answering);
    expect(existsSync(marks(ha))).toBe(false);
    expect(await runtime.list()).toEqual([]);
    await start(ha);
    await waitFor("it runs", () => existsSync(marks(ha)));
  });

  test("a killed guard is replaced, knows the lease again, and meanwhile no renewal counts and nobody gets in", async () => {
    const deadlineMs = clock.nowMs() + 60_000;
    expect(await guard.renew(until(deadlineMs))).toBe(true);
    const ha = workload(true);
    await start(ha);
    const [before] = guardPids();
    maySpawn = false;
    signalGuard("SIGKILL");
    await waitFor("its death noticed", () => !guard.answering);
    expect(await guard.renew(until(deadlineMs + 1))).toBe(false);
    await expect(start(workload(true))).rejects.toMatchObject({ code: "no_lease" });
    maySpawn = true;
    await waitFor("another guard", () => guard.answering);
    expect(guardPids()).not.toContain(before);
    expect(guard).toMatchObject({ deadlineMs, softEndMs: deadlineMs - 100 });
    expect((await runtime.inspect(ha.containerId))?.state).toBe("running");
    expect(await guard.renew(until(deadlineMs + 2))).toBe(true);
  });

  test("a watchdog is petted, stays armed when the guard is killed, and is disarmed when it is dismissed", async () => {
    const written = () => readFileSync(watchdog, "latin1");
    await waitFor("pets", () => written().length > 1);
    maySpawn = false;
    signalGuard("SIGKILL");
    await waitFor("its death noticed", () => !guard.answering);
    expect(written()).toMatch(/^\0+$/);
    maySpawn = true;
    await waitFor("another guard", () => guard.answering);
    await guard.dismiss();
    await waitFor("it disarmed", () => written().includes("V"));
  });

  test("a guard whose watchdog cannot be opened says so and serves no agent", async () => {
    const runDir = join(dataDir, "other");
    mkdirSync(runDir);
    const missing = join(dataDir, "no-such-device");
    const door = guardProcessDoor({ runDir, logPath: join(runDir, "log"), cgroups: null, watchdog: missing }, null);
    door.spawn((error) => {
      throw error;
    });
    const connection = await waitFor("the other guard", () => door.dial());
    const answers: GuardAnswer[] = [];
    connection.serve(
      (answer) => answers.push(answer),
      () => undefined,
    );
    connection.send({ type: "hello", id: 1 });
    const answer = await waitFor("its answer", () => answers[0]);
    expect(answer).toMatchObject({ type: "refused", reason: expect.stringContaining(`${missing} cannot be opened`) });
    connection.close();
    for (const pid of guardPids())
      if (readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(runDir)) process.kill(pid, "SIGKILL");
  });
});
