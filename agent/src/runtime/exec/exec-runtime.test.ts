import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  EquipmentSchema,
  PortBindingSchema,
  ResourceLimitsSchema,
  VolumeMountSchema,
} from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootClock, bootId, systemTimers, wallClock } from "../../clock/clock.ts";
import { waitFor } from "../../clock/wait-for-clock.ts";
import { testId, testSpec } from "../../node/test-command.ts";
import { everyCgroupFolder, removeCgroup, writableCgroups } from "../../process/cgroup-layout.ts";
import { cgroupPaths } from "../../process/node-cgroups.ts";
import { allProcesses, isRunning, readProcess } from "../../process/process-table.ts";
import { openGate } from "../../process/start-gate.ts";
import { CommandScope } from "../command-scope.ts";
import type { GuardedGroup, RuntimeLogLine } from "../container-runtime.ts";
import { INPUT_BYTES_MAX } from "./exec-input.ts";
import { gatePath, inputPath, launchAtGate, makeGate } from "./exec-launch.ts";
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
  await runtime.start({ spec, epoch: 3n, session: 2n, permit: async () => undefined, release: keep });
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
  test("tells what the present copy has written apart from what came before it", async () => {
    const spec = exec("echo Done; sleep 300");
    const written = async () => {
      const lines: string[] = [];
      const request = { tailLines: 0, sinceStart: true, follow: false, signal: new AbortController().signal };
      for await (const { text } of runtime.logs(spec.containerId, request)) lines.push(text);
      return lines;
    };
    await start(spec);
    await waitFor("its line", async () => (await written()).length === 1);
    await runtime.stop(spec.containerId, "SIGKILL", 0);
    await start({ ...spec, startup: { exec: "echo loading; sleep 300" } });
    await waitFor("its line", async () => (await written()).length === 1);
    expect(await written()).toEqual(["loading"]);
    expect(output(spec.containerId)).toBe("Done\nloading\n");
  });

  test("sets values in its volume's files before a start, unless the start is not wanted any more", async () => {
    const replacements = [{ match: "port", value: { case: "text" as const, value: "{{env.PORT}}" } }];
    const configFiles = [{ path: "conf/a.properties", parser: "properties", replacements }];
    const spec = exec("cat $VOLUME_DATA/conf/a.properties; sleep 300", {
      env: { PORT: "7" },
      volumes: [create(VolumeMountSchema, { name: "data", path: "/data", kind: "local" })],
      equipment: create(EquipmentSchema, { volume: "data", configFiles }),
    });
    const permit = async () => {
      throw new Error("closed meanwhile");
    };
    const release = async () => undefined;
    const file = join(folder(spec.containerId), "volumes/data/conf/a.properties");
    await expect(runtime.start({ spec, epoch: 3n, session: 2n, permit, release })).rejects.toThrow("closed meanwhile");
    expect(existsSync(file)).toBe(false);
    await start(spec);
    await waitFor("its output", () => output(spec.containerId) === "port=7\n");
  });

  test("refuses a terminal, which it cannot give, instead of running without one", async () => {
    const spec = exec("sleep 300", { tty: true });
    const refused = { code: "unsupported_runtime", message: expect.stringContaining("asks for a terminal (tty)") };
    await expect(runtime.prepare(spec)).rejects.toMatchObject(refused);
    await expect(start(spec)).rejects.toMatchObject(refused);
    expect(await runtime.inspect(spec.containerId)).toBeNull();
    const plain = exec("sleep 300");
    await start(plain);
    const none = { code: "no_terminal" };
    await expect(runtime.resize(plain.containerId, 1n, { rows: 1, columns: 1 })).rejects.toMatchObject(none);
    expect(() => runtime.terminal(plain.containerId, new AbortController().signal)).toThrow(
      expect.objectContaining(none),
    );
    await runtime.stop(plain.containerId, "SIGKILL", 0);
  });

  test("refuses an install script, which needs an engine, and says where it runs", async () => {
    const spec = exec("sleep 300");
    const request = { spec, epoch: 1n, session: 1n, again: false, release: async () => undefined };
    await expect(runtime.install(request)).rejects.toMatchObject({
      code: "unsupported_runtime",
      message: expect.stringContaining("place it on a node with Docker"),
    });
  });

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

  test("stops by its command, and by the signal where its input does not take that", async () => {
    const spec = exec(
      'trap "echo asked; exit 0" TERM; while read -r line; do [ "$line" = quit ] && echo bye && exit 0; done',
    );
    await start(spec);
    await runtime.stop(spec.containerId, "SIGTERM", 10_000, undefined, "quit");
    expect(output(spec.containerId)).toBe("bye\n");
    const deaf = exec('trap "echo asked; exit 0" TERM; exec 0<&-; echo ready; while :; do sleep 0.05; done');
    await start(deaf);
    await waitFor("its first line", () => output(deaf.containerId).includes("ready"));
    await waitFor("nobody who holds its input", () =>
      runtime.input(deaf.containerId, 3n, Buffer.from("x\n")).then(
        () => false,
        () => true,
      ),
    );
    await runtime.stop(deaf.containerId, "SIGTERM", 10_000, undefined, "quit");
    expect(output(deaf.containerId)).toContain("asked");
  });

  test("kills a process that takes its stop command and goes on, after the grace", async () => {
    const spec = exec('while read -r line; do echo "no: $line"; done; sleep 60');
    await start(spec);
    const beganMs = bootClock().nowMs();
    await runtime.stop(spec.containerId, "SIGTERM", 300, undefined, "quit");
    expect(bootClock().nowMs() - beganMs).toBeGreaterThanOrEqual(300);
    expect(output(spec.containerId)).toBe("no: quit\n");
    expect((await runtime.inspect(spec.containerId))?.state).toBe("exited");
  });

  test("kills at once when a stop's grace is cut", async () => {
    const spec = exec("trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done");
    await start(spec);
    await waitFor("its first line", () => output(spec.containerId).includes("ready"));
    const cut = new AbortController();
    const stopped = runtime.stop(spec.containerId, "SIGTERM", 600_000, cut.signal);
    await waitFor("the signal", () => output(spec.containerId).includes("asked"));
    cut.abort();
    await stopped;
    expect((await runtime.inspect(spec.containerId))?.state).toBe("exited");
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

  test("tells of a crash with its exit code, in the scope of no command, and ends what it left behind", async () => {
    const commands = new CommandScope();
    const changes: unknown[] = [];
    runtime.onChange((id) => changes.push([id, commands.current()]));
    const spec = exec("sleep 302 & exit 7");
    const group = await commands.within({ commandId: testId() }, () => start(spec));
    await expect.poll(() => changes).toEqual([[spec.containerId, null]]);
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

  test("ends what a former agent launched and died before it had written it down", async () => {
    const spec = exec("echo ran");
    const at = folder(spec.containerId);
    mkdirSync(at, { recursive: true });
    await makeGate(at);
    const { pid, startTicks } = launchAtGate({
      folder: at,
      workFolder: at,
      commandLine: "echo ran",
      word: "its own word",
      env: { PATH: process.env["PATH"] ?? "" },
    });
    await runtime.close();
    runtime = await open();
    await waitFor("its end", () => !isRunning(pid, startTicks));
    expect(existsSync(gatePath(at))).toBe(false);
    expect(output(spec.containerId)).toBe("");
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

  test("writes to the input of a copy, also when another agent started it, and its process sees no end of it", async () => {
    const spec = exec('while read -r line; do echo "got $line"; done; echo over; sleep 60');
    const id = spec.containerId;
    await start(spec);
    await runtime.input(id, 3n, Buffer.from("one\ntwo\n"));
    await waitFor("two lines", () => output(id).includes("got two"));
    await runtime.close();
    runtime = await open();
    await runtime.input(id, 3n, Buffer.from("three\n"));
    await waitFor("the third", () => output(id).includes("got three"));
    expect(output(id)).not.toContain("over");
    await expect(runtime.input(id, 2n, Buffer.from("x\n"))).rejects.toMatchObject({ code: "stale_epoch" });
    await runtime.stop(id, "SIGKILL", 0);
    await expect(runtime.input(id, 3n, Buffer.from("x\n"))).rejects.toMatchObject({ code: "not_running" });
  });

  test("takes no more than a process that reads nothing can hold, and gives none of it to the next copy", async () => {
    const spec = exec("echo ready; sleep 60");
    const id = spec.containerId;
    await start(spec);
    const page = Buffer.from(`${"x".repeat(INPUT_BYTES_MAX - 1)}\n`);
    let pages = 0;
    const fill = async () => {
      for (; pages < 1_000; pages += 1) await runtime.input(id, 3n, page);
    };
    await expect(fill()).rejects.toMatchObject({ code: "input_full" });
    expect(pages).toBeGreaterThanOrEqual(1);
    await expect(runtime.input(id, 3n, Buffer.concat([page, page]))).rejects.toMatchObject({ code: "refused" });
    await runtime.stop(id, "SIGKILL", 0);
    await start({ ...spec, startup: { exec: 'echo again; read -r line; echo "got $line"' } });
    await waitFor("the next copy", () => output(id).includes("again"));
    await runtime.input(id, 3n, Buffer.from("mine\n"));
    await waitFor("its line", () => output(id).includes("got mine"));
  });

  test("says of a process that has closed its input that it takes none, and of an older agent's copy as well", async () => {
    const spec = exec("exec 0<&-; echo ready; sleep 60");
    await start(spec);
    await waitFor("its first line", () => output(spec.containerId).includes("ready"));
    const write = () => runtime.input(spec.containerId, 3n, Buffer.from("x\n"));
    await waitFor("the end of its last reader", () =>
      write().then(
        () => false,
        (error: { code: string }) => error.code === "no_input",
      ),
    );
    rmSync(inputPath(folder(spec.containerId)));
    await expect(write()).rejects.toMatchObject({ code: "no_input", message: expect.stringContaining("older agent") });
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
