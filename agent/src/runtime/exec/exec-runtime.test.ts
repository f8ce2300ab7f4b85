import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { PortBindingSchema, ResourceLimitsSchema, VolumeMountSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootClock, bootId, systemTimers, wallClock } from "../../clock/clock.ts";
import { waitFor } from "../../clock/wait-for-clock.ts";
import { testId, testSpec } from "../../node/test-command.ts";
import { everyCgroupFolder, removeCgroup, writableCgroups } from "../../process/cgroup-layout.ts";
import { cgroupPaths } from "../../process/node-cgroups.ts";
import { allProcesses, isRunning, readProcess } from "../../process/process-table.ts";
import { openGate } from "../../process/start-gate.ts";
import type { GuardedGroup, RuntimeLogLine } from "../container-runtime.ts";
import { ExecRuntime } from "./exec-runtime.ts";
import { rotateLogFiles } from "./log-files.ts";

const parent = `/lormas-exectest-${process.pid}`;
const paths = cgroupPaths(parent, testId(), "cgroupfs");
let dataDir: string;
let runtime: ExecRuntime;

function open(withCgroups = true): Promise<ExecRuntime> {
  const layout = withCgroups ? writableCgroups(paths.ha) : null;
  return ExecRuntime.open({
    dataDir,
    node: { nodeId: testId(), nodeName: "node-x", address: "127.0.0.1" },
    sharedDir: join(dataDir, "shared"),
    cgroups: layout && { layout, paths },
    hostMark: "mark",
    bootId: bootId(),
    clock: bootClock(),
    wall: wallClock,
    timers: systemTimers,
    log: pino({ level: "silent" }),
  });
}

const exec = (line: string, init: Parameters<typeof testSpec>[0] = {}) =>
  testSpec({ startup: { exec: line }, ...init });
const folder = (id: string) => join(dataDir, "containers", id);
const output = (id: string) => readFileSync(join(folder(id), "stdout.log"), "utf8");

async function start(
  spec: ReturnType<typeof testSpec>,
  release: (group: GuardedGroup | null) => Promise<void> = async () => undefined,
) {
  let group: GuardedGroup | null = null;
  const keep = async (given: GuardedGroup | null) => {
    group = given;
    await release(given);
    if (given) openGate(given.gate);
  };
  await runtime.start({ spec, epoch: 3n, session: 2n, release: keep });
  return group as GuardedGroup | null;
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-exec-"));
  runtime = await open();
});

afterEach(async () => {
  for (const one of await runtime.list()) await runtime.remove(one.containerId, true);
  await runtime.close();
  rmSync(dataDir, { recursive: true, force: true });
  removeCgroup(everyCgroupFolder(parent));
});

describe.runIf(process.platform === "linux")("the exec runtime", { timeout: 20_000 }, () => {
  test("gives a process its environment, volumes and ports, and nothing of the agent's own", async () => {
    const spec = exec("env; echo in-volume > $VOLUME_DATA/file", {
      env: { COLOUR: "blue" },
      ports: [create(PortBindingSchema, { name: "web-ui", containerPort: 80, hostPort: 28_017, protocol: "tcp" })],
      volumes: [create(VolumeMountSchema, { name: "data", path: "/data", kind: "local" })],
    });
    await start(spec);
    await waitFor("its end", async () => (await runtime.inspect(spec.containerId))?.state === "exited");
    const env = output(spec.containerId);
    for (const line of [
      "COLOUR=blue",
      "PORT_WEB_UI=28017",
      "LORMAS_NODE=node-x",
      "LORMAS_EPOCH=3",
      "LORMAS_ADDRESS=127.0.0.1",
      "LORMAS_HOST_MARK=mark",
      `LORMAS_NODE_BIN=${process.execPath}`,
    ]) {
      expect(env).toContain(`${line}\n`);
    }
    expect(env).not.toContain("VITEST");
    const file = join(folder(spec.containerId), "volumes", "data", "file");
    expect(readFileSync(file, "utf8")).toBe("in-volume\n");
    await runtime.remove(spec.containerId, false);
    expect(existsSync(file)).toBe(true);
    await runtime.remove(spec.containerId, true);
    expect(existsSync(folder(spec.containerId))).toBe(false);
  });

  test("runs nothing before it is released, and nothing at all when release fails", async () => {
    const spec = exec("echo ran");
    const failing = start(spec, async (group) => {
      expect(group && isRunning(group.pid, group.startTicks)).toBe(true);
      throw new Error("no lease");
    });
    await expect(failing).rejects.toThrow("no lease");
    expect(output(spec.containerId)).toBe("");
    expect(await runtime.inspect(spec.containerId)).toBeNull();
  });

  test("stops by the signal within the grace, and kills the whole group after it", async () => {
    const polite = exec("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done");
    await start(polite);
    await waitFor("it up", () => output(polite.containerId).includes("up"));
    await runtime.stop(polite.containerId, "SIGTERM", 5_000);
    expect(output(polite.containerId)).toContain("bye");
    const stubborn = exec("trap '' TERM; (trap '' TERM; sleep 300) & echo up; wait; sleep 300");
    const group = await start(stubborn);
    await waitFor("it up", () => output(stubborn.containerId).includes("up"));
    await runtime.stop(stubborn.containerId, "SIGTERM", 200);
    expect(allProcesses().filter((entry) => entry.session === group?.pid)).toEqual([]);
    expect(await runtime.inspect(stubborn.containerId)).toMatchObject({ state: "exited", epoch: 3n, session: 2n });
  });

  test.runIf(process.getuid?.() === 0)("kills what has left the group, by its cgroup, and holds limits", async () => {
    const limits = create(ResourceLimitsSchema, { cpuMillis: 250, memoryBytes: 32n << 20n });
    const spec = exec("setsid sleep 301 & echo up; sleep 300", { ha: true, limits });
    const group = await start(spec);
    await waitFor("it up", () => output(spec.containerId).includes("up"));
    const memory = group?.cgroups.find((path) => existsSync(join(path, "memory.limit_in_bytes")));
    if (memory) expect(readFileSync(join(memory, "memory.limit_in_bytes"), "utf8").trim()).toBe(String(32 << 20));
    expect(group?.cgroups.every((path) => path.includes(paths.ha))).toBe(true);
    const strays = () =>
      allProcesses().filter(({ pid }) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "latin1") === "sleep\x00301\x00";
        } catch {
          return false;
        }
      });
    await waitFor("the stray", () => strays().length === 1);
    expect((await runtime.usage(spec.containerId))?.memoryUsedBytes).toBeGreaterThan(0);
    await runtime.stop(spec.containerId, "SIGTERM", 100);
    expect(strays()).toEqual([]);
  });

  test("tells of a crash with its exit code and ends what it left behind", async () => {
    const changes: string[] = [];
    runtime.onChange((id) => changes.push(id));
    const spec = exec("sleep 302 & exit 7");
    const group = await start(spec);
    await waitFor("its crash told", () => changes.includes(spec.containerId));
    expect(await runtime.inspect(spec.containerId)).toMatchObject({ state: "exited", exitCode: 7 });
    expect(allProcesses().filter((entry) => entry.session === group?.pid)).toEqual([]);
  });

  test("adopts what a former agent left running and sees its end", async () => {
    const spec = exec("echo up; while :; do sleep 0.05; done");
    const group = await start(spec);
    await runtime.close();
    runtime = await open();
    const changes: string[] = [];
    runtime.onChange((id) => changes.push(id));
    expect(await runtime.inspect(spec.containerId)).toMatchObject({ state: "running", epoch: 3n, session: 2n });
    process.kill(group?.pid ?? 0, "SIGKILL");
    await waitFor("its end told", () => changes.includes(spec.containerId));
    expect(await runtime.inspect(spec.containerId)).toMatchObject({ state: "exited", exitCode: null });
  });

  test("ends what a former agent started but nobody let in", async () => {
    const spec = exec("echo ran");
    let group: GuardedGroup | null = null;
    const agentDied = new Promise<never>(() => undefined);
    void start(spec, (given) => {
      group = given;
      return agentDied;
    });
    const waiting = await waitFor("it at its gate", () => group as GuardedGroup | null);
    await runtime.close();
    runtime = await open();
    expect(isRunning(waiting.pid, waiting.startTicks)).toBe(false);
    expect(await runtime.list()).toEqual([]);
    expect(output(spec.containerId)).toBe("");
    await start(spec);
    await waitFor("it run", () => output(spec.containerId) === "ran\n");
  });

  test("takes another process with the number of a former one for none of its own", async () => {
    const spec = exec("sleep 300");
    await start(spec);
    await runtime.stop(spec.containerId, "SIGKILL", 0);
    const path = join(folder(spec.containerId), "container.json");
    const record = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ ...record, pid: process.pid, startTicks: "1", exit: null }));
    await runtime.close();
    runtime = await open();
    expect(await runtime.inspect(spec.containerId)).toMatchObject({ state: "exited" });
    await runtime.stop(spec.containerId, "SIGKILL", 0);
    expect(readProcess(process.pid)).not.toBeNull();
  });

  test("says that a port is taken before anything is started", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    });
    const ports = [create(PortBindingSchema, { name: "http", containerPort: 80, hostPort: port, protocol: "tcp" })];
    await expect(start(exec("sleep 1", { ports }))).rejects.toMatchObject({ code: "port_taken" });
    server.close();
    await expect(start(testSpec({ startup: { docker: "" } }))).rejects.toMatchObject({ code: "unsupported_runtime" });
  });

  test("runs health commands in the container's environment, within their time", async () => {
    const spec = exec("sleep 300");
    await start(spec);
    expect(await runtime.run(spec.containerId, `[ "$LORMAS_CONTAINER" = "${spec.containerName}" ]`, 2_000)).toBe(0);
    expect(await runtime.run(spec.containerId, "exit 4", 2_000)).toBe(4);
    await expect(runtime.run(spec.containerId, "sleep 300", 100)).rejects.toThrow("longer than 100 ms");
  });

  test("gives the tail of its output and follows it across a rotation", async () => {
    const spec = exec("i=0; while [ $i -lt 5 ]; do echo line $i; i=$((i+1)); done; echo oops >&2; sleep 300");
    await start(spec);
    const id = spec.containerId;
    await waitFor("its output", () => output(id).includes("line 4"));
    const tail: RuntimeLogLine[] = [];
    const signal = new AbortController().signal;
    for await (const line of runtime.logs(id, { tailLines: 3, follow: false, signal })) tail.push(line);
    expect(tail.map(({ stream, text }) => `${stream} ${text}`)).toEqual([
      "stdout line 3",
      "stdout line 4",
      "stderr oops",
    ]);

    const end = new AbortController();
    const followed: string[] = [];
    const following = (async () => {
      for await (const line of runtime.logs(id, { tailLines: 0, follow: true, signal: end.signal }))
        followed.push(line.text);
    })();
    const path = join(folder(id), "stdout.log");
    await waitFor("the follower", async () => {
      appendFileSync(path, "more\n");
      return followed.includes("more");
    });
    await rotateLogFiles(folder(id), 10);
    expect(statSync(path).size).toBe(0);
    expect(readFileSync(`${path}.1`, "utf8")).toContain("line 0");
    await waitFor("the rotation seen", () => {
      appendFileSync(path, "after\n");
      return followed.includes("after");
    });
    end.abort();
    await following;
  });
});
