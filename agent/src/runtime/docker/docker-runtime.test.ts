import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  PortBindingSchema,
  ResourceLimitsSchema,
  VolumeMountSchema,
  type WorkloadSpec,
} from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bootClock, systemTimers, wallClock } from "../../clock/clock.ts";
import { waitFor } from "../../clock/wait-for-clock.ts";
import { testId, testSpec } from "../../node/test-command.ts";
import {
  controlFolder,
  everyCgroupFolder,
  processesBelow,
  removeCgroup,
  setFrozen,
  writableCgroups,
} from "../../process/cgroup-layout.ts";
import { cgroupPaths } from "../../process/node-cgroups.ts";
import { killCgroupPass } from "../../process/process-killer.ts";
import type { LogRequest, RuntimeLogLine } from "../container-runtime.ts";
import { INPUT_MS } from "./docker-attach.ts";
import { DockerRuntime } from "./docker-runtime.ts";
import { engineProblem, TEST_IMAGE, TestEngine } from "./test-engine.ts";

const problem = engineProblem();
const skip = problem !== null && process.env["LORMAS_TEST_REQUIRE"] !== "1";

const clock = bootClock();
const parent = `/lormas-dockertest-${process.pid}`;
const nodeId = testId();
const paths = cgroupPaths(parent, nodeId, "cgroupfs");
const layout = skip ? null : writableCgroups(paths.ha);
const node = { nodeId, nodeName: "node-d", address: "127.0.0.1" };
const log = pino({ level: "silent" });
let engine: TestEngine;
let runtime: DockerRuntime;

const PARENTS = { ha: paths.ha, plain: paths.plain };

function open(of = nodeId, socketPath = engine.socketPath, cgroupParents: typeof PARENTS | null = PARENTS) {
  return DockerRuntime.open({
    socketPath,
    node: { ...node, nodeId: of },
    sharedDir: null,
    cgroupParents,
    timers: systemTimers,
    wall: wallClock,
    log,
  });
}

function spec(startup: string, init: Parameters<typeof testSpec>[0] = {}): WorkloadSpec {
  return testSpec({ image: TEST_IMAGE, startup: { docker: startup }, ...init });
}

const permit = async () => undefined;

async function start(of: WorkloadSpec, epoch = 1n): Promise<void> {
  await runtime.start({ spec: of, epoch, session: 1n, permit, release: async () => undefined });
}

async function lines(id: string, request: Partial<LogRequest> = {}): Promise<RuntimeLogLine[]> {
  const seen: RuntimeLogLine[] = [];
  const signal = new AbortController().signal;
  for await (const line of runtime.logs(id, { tailLines: 100, follow: false, signal, ...request })) seen.push(line);
  return seen;
}

describe("the docker runtime on a real engine", { timeout: 60_000 }, () => {
  beforeEach((context) => {
    if (skip) context.skip(problem);
  });
  beforeAll(async () => {
    if (skip) return;
    if (problem !== null) throw new Error(problem);
    engine = await TestEngine.start();
    runtime = await open();
  }, 90_000);

  afterAll(async () => {
    await runtime?.close();
    await engine?.stop();
    removeCgroup(everyCgroupFolder(parent));
  }, 60_000);

  test("runs a container with limits, ports and volumes under the HA parent, and reports its end", async () => {
    const port = 20_000 + (process.pid % 9_000);
    const one = spec("echo out; echo err >&2; echo kept > $DATA/file; httpd -f -p $PORT_HTTP", {
      ha: true,
      env: { DATA: "/data" },
      ports: [create(PortBindingSchema, { name: "http", containerPort: 8080, hostPort: port, protocol: "tcp" })],
      volumes: [create(VolumeMountSchema, { name: "data", path: "/data", kind: "local" })],
      limits: create(ResourceLimitsSchema, { cpuMillis: 500, memoryBytes: 64n << 20n }),
    });
    const changes: string[] = [];
    const off = runtime.onChange((id) => changes.push(id));
    await start(one, 7n);
    expect(await runtime.inspect(one.containerId)).toMatchObject({
      state: "running",
      epoch: 7n,
      session: 1n,
      ha: true,
    });
    await waitFor("the published port", async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 404);
    expect(await runtime.run(one.containerId, "test -f /data/file", 5_000)).toBe(0);
    expect(await runtime.run(one.containerId, "exit 3", 5_000)).toBe(3);
    const usage = await runtime.usage(one.containerId);
    expect(usage?.memoryUsedBytes).toBeGreaterThan(0);
    expect(Object.values(usage?.io ?? {}).map((bytes) => bytes >= 0)).toEqual([true, true, true, true]);

    const [pid] = processesBelow(controlFolder(layout ?? fail(), paths.ha));
    const folder = readFileSync(`/proc/${pid}/cgroup`, "latin1");
    expect(folder).toContain(`${paths.ha}/`);
    const memory = /:memory:(.*)/.exec(folder)?.[1];
    if (memory) {
      expect(readFileSync(join("/sys/fs/cgroup/memory", memory, "memory.limit_in_bytes"), "utf8").trim()).toBe(
        String(64 << 20),
      );
    }
    const info = await engine.docker.getContainer(`lormas-node-d-${one.containerName}`).inspect();
    expect(info.HostConfig).toMatchObject({
      Privileged: false,
      RestartPolicy: { Name: "no" },
      SecurityOpt: ["no-new-privileges"],
    });

    expect((await lines(one.containerId)).map((line) => [line.stream, line.text])).toEqual(
      expect.arrayContaining([
        ["stdout", "out"],
        ["stderr", "err"],
      ]),
    );
    await runtime.stop(one.containerId, "SIGTERM", 500);
    expect(await runtime.inspect(one.containerId)).toMatchObject({ state: "exited" });
    await waitFor("the event of its end", () => changes.includes(one.containerId));
    off();

    await runtime.remove(one.containerId, false);
    expect(await runtime.inspect(one.containerId)).toBeNull();
    const volume = `lormas-${one.containerId}-data`;
    expect((await engine.docker.listVolumes()).Volumes.map(({ Name }) => Name)).toContain(volume);
    await runtime.remove(one.containerId, true);
    expect((await engine.docker.listVolumes()).Volumes.map(({ Name }) => Name)).not.toContain(volume);
  });

  test("stops by the signal and within the grace, and tells the exit code of a crash", async () => {
    const polite = spec("trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done");
    await start(polite);
    await waitFor("the trap set", async () => (await runtime.inspect(polite.containerId))?.upMs ?? 0 > 200);
    await runtime.stop(polite.containerId, "SIGTERM", 5_000);
    expect(await runtime.inspect(polite.containerId)).toMatchObject({ state: "exited", exitCode: 0 });
    const crash = spec("exit 9");
    await start(crash);
    await waitFor("its crash", async () => (await runtime.inspect(crash.containerId))?.state === "exited");
    expect(await runtime.inspect(crash.containerId)).toMatchObject({ exitCode: 9, detail: "ended with exit code 9" });
  });

  test("stops for good what a former agent created and had not started yet", async () => {
    const one = spec("sleep 100");
    // An agent that dies here: whether it still asks for the start, and when the engine comes to it, nobody knows.
    void runtime.start({ spec: one, epoch: 1n, session: 1n, permit, release: () => new Promise(() => undefined) });
    await waitFor("the copy", async () => (await runtime.inspect(one.containerId))?.state === "created");
    const [created] = await engine.docker.listContainers({ all: true, filters: { status: ["created"] } });
    const next = await open();
    await next.stop(one.containerId, "SIGTERM", 5_000);
    await next.close();
    await expect(engine.docker.getContainer(created?.Id ?? "").start()).rejects.toThrow(/[Nn]o such container/);
    expect(await runtime.inspect(one.containerId)).toBeNull();
  });

  test("writes to the input of a copy, which stays open, and says when nobody reads it", async () => {
    const one = spec('while read -r line; do echo "got $line"; done; echo over');
    await start(one, 3n);
    await runtime.input(one.containerId, 3n, Buffer.from("one\ntwo\n"));
    await runtime.input(one.containerId, 3n, Buffer.from("three\n"));
    const read = async () => (await lines(one.containerId)).map(({ text }) => text);
    await waitFor("three lines", async () => (await read()).length >= 3);
    expect(await read()).toEqual(["got one", "got two", "got three"]);
    await expect(runtime.input(one.containerId, 2n, Buffer.from("x\n"))).rejects.toMatchObject({ code: "stale_epoch" });
    await runtime.stop(one.containerId, "SIGKILL", 0);
    await expect(runtime.input(one.containerId, 3n, Buffer.from("x\n"))).rejects.toMatchObject({ code: "not_running" });
    const quits = spec('while read -r line; do [ "$line" = quit ] && exit 7; done');
    await start(quits, 3n);
    await runtime.stop(quits.containerId, "SIGTERM", 10_000, undefined, "quit");
    expect(await runtime.inspect(quits.containerId)).toMatchObject({ state: "exited", exitCode: 7 });
    const deaf = spec("sleep 60");
    await start(deaf, 3n);
    const fill = async () => {
      for (let page = 0; page < 200; page += 1) await runtime.input(deaf.containerId, 3n, Buffer.alloc(4_096, "x"));
    };
    await expect(fill()).rejects.toMatchObject({ code: "input_full" });
    await runtime.stop(deaf.containerId, "SIGKILL", 0);
  });

  test("gives a copy with a terminal its input, any number of watchers and a size, and its output as lines", async () => {
    const one = spec("exec sh", { tty: true });
    await start(one, 3n);
    const id = one.containerId;
    const end = new AbortController();
    const watch = () => {
      const seen = { text: "", begun: false, over: false };
      void (async () => {
        for await (const { bytes } of runtime.terminal(id, end.signal)) {
          seen.begun = true;
          seen.text += Buffer.from(bytes).toString();
        }
        seen.over = true;
      })();
      return seen;
    };
    const watchers = [watch(), watch()];
    await waitFor("both watch", () => watchers.every(({ begun }) => begun));
    const type = (text: string) => runtime.input(id, 3n, Buffer.from(text));
    const shows = (text: string) => waitFor(text, () => watchers.every((seen) => seen.text.includes(text)));
    await runtime.resize(id, 3n, { rows: 33, columns: 101 });
    await type("stty size; [ -t 0 ] && [ -t 1 ] && echo on a terminal\n");
    await shows("33 101\r\n");
    await shows("on a terminal\r\n");
    await runtime.resize(id, 3n, { rows: 1_000, columns: 1_000 });
    await type("stty size\n");
    await shows("1000 1000\r\n");
    // Keys that the engine would take for its own: the line before, and then the end of what runs in front.
    await type("echo a$((1+1))b\n");
    await shows("a2b\r\n");
    for (const seen of watchers) seen.text = "";
    await type("\u0010");
    await type("\r");
    await shows("a2b\r\n");
    await type("echo begun; cat\n");
    // Until then the shell's own editing takes the keys as they come.
    await shows("begun\r\n");
    await type("\u0010\u0011x\u0003");
    await type("echo after $((2+3))\n");
    await shows("after 5\r\n");
    await expect(runtime.input(id, 3n, Buffer.from("a\0b"))).rejects.toMatchObject({ code: "refused" });
    await expect(runtime.resize(id, 2n, { rows: 1, columns: 1 })).rejects.toMatchObject({ code: "stale_epoch" });
    const read = await lines(id);
    expect(read.map(({ text }) => text)).toEqual(expect.arrayContaining(["33 101", "on a terminal", "1000 1000"]));
    expect(read.every(({ at, stream }) => stream === "stdout" && (at?.getTime() ?? 0) > 0)).toBe(true);
    // Who does not take what it shows misses some of it, and holds up neither it nor another.
    const slow = runtime.terminal(id, end.signal)[Symbol.asyncIterator]();
    await slow.next();
    // More than the engine and its connections hold back for a reader, about a megabyte.
    await type(`yes ${"x".repeat(200)} | head -c 4000000; echo through $((3+4))\n`);
    await shows("through 7\r\n");
    let [missed, shown] = [0, ""];
    while (!shown.includes("through 7\r\n")) {
      const { value } = await slow.next();
      missed += value?.skippedBytes ?? 0;
      shown += Buffer.from(value?.bytes ?? []).toString();
    }
    expect(missed).toBeGreaterThan(0);
    await runtime.stop(id, "SIGKILL", 0);
    await waitFor("the end of what is watched", () => watchers.every(({ over }) => over));
    await expect(runtime.resize(id, 3n, { rows: 1, columns: 1 })).rejects.toMatchObject({ code: "not_running" });
    end.abort();
    const plain = spec("sleep 60");
    await start(plain, 3n);
    await expect(runtime.resize(plain.containerId, 3n, { rows: 1, columns: 1 })).rejects.toMatchObject({
      code: "no_terminal",
    });
    const none = runtime.terminal(plain.containerId, new AbortController().signal)[Symbol.asyncIterator]();
    await expect(none.next()).rejects.toMatchObject({ code: "no_terminal" });
    await runtime.stop(plain.containerId, "SIGKILL", 0);
  });

  test("follows output as it is written, until the reader ends it", async () => {
    const one = spec("i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done");
    await start(one);
    const end = new AbortController();
    const seen: string[] = [];
    for await (const line of runtime.logs(one.containerId, { tailLines: 0, follow: true, signal: end.signal })) {
      seen.push(line.text);
      if (seen.length === 5) end.abort();
    }
    expect(seen).toHaveLength(5);
    await runtime.remove(one.containerId, true);
  });

  test("names the image that is absent and cannot be pulled, and the next step", async () => {
    const one = spec("true", { image: "localhost:1/nowhere:1" });
    await expect(runtime.prepare(one)).rejects.toMatchObject({
      code: "image_unavailable",
      message: expect.stringMatching(/localhost:1\/nowhere:1.*docker load/),
    });
  });

  test("says that a port is taken and leaves no container behind", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    });
    const one = spec("sleep 100", {
      ports: [create(PortBindingSchema, { name: "http", containerPort: 80, hostPort: port, protocol: "tcp" })],
    });
    await expect(start(one)).rejects.toMatchObject({ code: "port_taken" });
    expect(await runtime.inspect(one.containerId)).toBeNull();
    server.close();
  });

  test("takes no HA container where its guard could not kill it, and says what to do; any other it runs", async () => {
    const bare = await open(testId(), engine.socketPath, null);
    const ha = spec("sleep 60", { ha: true });
    await expect(bare.prepare(ha)).rejects.toThrow(/cannot make control groups.*run the agent as root/);
    const release = async () => undefined;
    await expect(bare.start({ spec: ha, epoch: 1n, session: 1n, permit, release })).rejects.toThrow(
      "run the agent as root",
    );
    expect(await bare.list()).toEqual([]);
    const plain = spec("sleep 60", { ha: false });
    await bare.start({ spec: plain, epoch: 1n, session: 1n, permit, release });
    expect(await bare.inspect(plain.containerId)).toMatchObject({ state: "running" });
    await bare.stop(plain.containerId, "SIGKILL", 0);
    await bare.remove(plain.containerId, true);
    await bare.close();
  });

  test("sees only containers of its own node", async () => {
    const one = spec("sleep 100");
    await start(one);
    const other = await open(testId());
    expect(await other.list()).toEqual([]);
    await other.close();
    await runtime.remove(one.containerId, true);
  });

  test("a start under a frozen parent runs nothing, and what is there is killed without the engine", async () => {
    const groups = layout ?? fail();
    const one = spec("echo ran; sleep 100", { ha: true });
    await start(one);
    await waitFor("its process", () => processesBelow(controlFolder(groups, paths.ha)).length > 0);
    await waitFor("all killed, parent frozen", () => killCgroupPass(groups, paths.ha, paths.grave) === 0);
    expect(
      readFileSync(
        `${controlFolder(groups, paths.ha)}/${groups.version === 1 ? "freezer.state" : "cgroup.freeze"}`,
        "utf8",
      ),
    ).toMatch(/FROZEN|FREEZING|1/);
    await waitFor("its end told", async () => (await runtime.inspect(one.containerId))?.state === "exited");
    await runtime.remove(one.containerId, true);

    const late = spec("echo ran; sleep 100", { ha: true });
    let over = false;
    const starting = start(late)
      .catch(() => undefined) // Killed, it may not have started; either is right.
      .finally(() => {
        over = true;
      });
    let killed = 0;
    await waitFor(
      "the late start killed",
      () => {
        killed += killCgroupPass(groups, paths.ha, paths.grave);
        return killed > 0 && over;
      },
      30_000,
    );
    await starting;
    setFrozen(groups, paths.ha, false);
    const output = (await runtime.inspect(late.containerId)) ? await lines(late.containerId) : [];
    expect(output.map((line) => line.text)).not.toContain("ran");
    await runtime.remove(late.containerId, true);
  });

  test("is not ready while the engine is dead, and finds its containers when it is back", async () => {
    const one = spec("sleep 100");
    await start(one);
    await engine.kill();
    expect(await runtime.ready()).toBe(false);
    await engine.boot();
    expect(await runtime.ready()).toBe(true);
    expect((await runtime.list()).map(({ containerId }) => containerId)).toContain(one.containerId);
    expect(clock.nowMs()).toBeGreaterThan(0);
    await runtime.remove(one.containerId, true);
  });

  test("an engine that dies in the grace of a stop does not hold the stop up beyond it", async () => {
    const one = spec("trap 'echo asked' TERM; echo set; while true; do sleep 1; done");
    await start(one);
    const said = async () => (await lines(one.containerId)).map(({ text }) => text);
    await waitFor("its trap", async () => (await said()).includes("set"));
    const stopping = runtime.stop(one.containerId, "SIGTERM", 10_000);
    await waitFor("the signal", async () => (await said()).includes("asked"));
    await engine.kill();
    await engine.boot();
    await stopping;
    expect((await runtime.inspect(one.containerId))?.state).toBe("exited");
    await runtime.remove(one.containerId, true);
  });

  test("a stop whose command the engine never takes ends all the same, by a cut at once", async () => {
    const path = join(engine.folder, "deaf.sock");
    let swallowed = 0;
    const proxy = createServer((client) => {
      const upstream = connect(engine.socketPath);
      client.on("data", (chunk) => {
        if (chunk.toString("latin1").includes("/attach")) swallowed += 1;
        else upstream.write(chunk);
      });
      upstream.on("data", (chunk) => client.write(chunk));
      for (const [from, to] of [
        [upstream, client],
        [client, upstream],
      ] as const) {
        from.on("close", () => to.destroy());
        from.on("error", () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(path, resolve));
    const behind = await open(nodeId, path);
    try {
      const one = spec("exec sleep 300");
      await start(one);
      await behind.stop(one.containerId, "SIGKILL", 20_000, undefined, "stop");
      expect((await runtime.inspect(one.containerId))?.state).toBe("exited");
      await start(one, 2n);
      const cut = new AbortController();
      const began = clock.nowMs();
      const stopping = behind.stop(one.containerId, "SIGTERM", 60_000, cut.signal, "stop");
      await waitFor("the second request", () => swallowed === 2);
      cut.abort();
      await stopping;
      expect(clock.nowMs() - began).toBeLessThan(INPUT_MS);
      expect((await runtime.inspect(one.containerId))?.state).toBe("exited");
      await runtime.remove(one.containerId, true);
    } finally {
      await behind.close();
      proxy.close();
    }
  });
});

function fail(): never {
  throw new Error("no cgroups can be made here");
}
