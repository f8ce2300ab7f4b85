import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { EquipmentSchema, VolumeMountSchema, type WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemTimers, wallClock } from "../../clock/clock.ts";
import { waitFor } from "../../clock/wait-for-clock.ts";
import { CONFIG_BYTES_MAX } from "../../config-files/apply-config.ts";
import { testId, testSpec } from "../../node/test-command.ts";
import { DockerRuntime } from "./docker-runtime.ts";
import { engineProblem, TEST_IMAGE, TestEngine } from "./test-engine.ts";

const problem = engineProblem();
const skip = problem !== null && process.env["LORMAS_TEST_REQUIRE"] !== "1";
const OWNED_IMAGE = "lormas-test:owned";
const yes = async () => undefined;
let engine: TestEngine;
let runtime: DockerRuntime;

/** A server whose volume is filled and configured; the image's folder belongs to another user than root. */
function server(equipment: MessageInitShape<typeof EquipmentSchema>, startup = "sleep 300"): WorkloadSpec {
  return testSpec({
    image: OWNED_IMAGE,
    startup: { docker: startup },
    env: { SERVER_PORT: "25565", GREETING: "hello" },
    volumes: [create(VolumeMountSchema, { name: "data", path: "/home/container", kind: "local" })],
    equipment: create(EquipmentSchema, { volume: "data", ...equipment }),
  });
}

const script = (text: string, timeoutMs = 20_000) => ({
  install: { image: TEST_IMAGE, entrypoint: "sh", script: text, timeoutMs },
});

async function install(spec: WorkloadSpec, init: { again?: boolean; cut?: AbortSignal; epoch?: bigint } = {}) {
  const { again = false, epoch = 1n, cut } = init;
  await runtime.install({ spec, epoch, session: 1n, again, release: yes, ...(cut ? { cut } : {}) });
}

async function start(spec: WorkloadSpec): Promise<void> {
  await runtime.start({ spec, epoch: 1n, session: 1n, permit: yes, release: yes });
}

async function output(id: string): Promise<string[]> {
  const lines: string[] = [];
  const signal = new AbortController().signal;
  for await (const { text } of runtime.logs(id, { tailLines: 100, follow: false, signal })) lines.push(text);
  return lines;
}

/** Nothing while there is no copy yet. */
const outputSoFar = (id: string): Promise<string[]> => output(id).catch(() => []);

/** What one command says in a copy that runs. */
async function says(spec: WorkloadSpec, command: string): Promise<string[]> {
  const one = testSpec({ ...spec, startup: { docker: command } });
  await start(one);
  await waitFor("its end", async () => (await runtime.inspect(one.containerId))?.state === "exited");
  return output(one.containerId);
}

const config = (path: string, parser = "properties") => ({
  configFiles: [
    {
      ...{ path, parser },
      replacements: [
        { match: "port", value: { case: "text" as const, value: "{{env.SERVER_PORT}}" } },
        { match: "motd", value: { case: "text" as const, value: "{{env.GREETING}} from {{config.docker.interface}}" } },
      ],
    },
  ],
});

describe("what is done around a start, on a real engine", { timeout: 60_000 }, () => {
  beforeEach((context) => {
    if (skip) context.skip(problem);
  });
  beforeAll(async () => {
    if (skip) return;
    if (problem !== null) throw new Error(problem);
    engine = await TestEngine.start();
    const context = join(engine.folder, "owned.txt");
    writeFileSync(context, "");
    // The test's image with a server's folder of user 988, as the panels' images have it.
    const docker = engine.docker;
    const base = await docker.createContainer({
      Image: TEST_IMAGE,
      Cmd: ["/bin/sh", "-c", "/bin/busybox mkdir -p /home/container && chown 988:987 /home/container"],
    });
    await base.start();
    await base.wait();
    const [repo, tag] = OWNED_IMAGE.split(":");
    await base.commit({ repo, tag, changes: "USER 988:987" });
    await base.remove();
    runtime = await DockerRuntime.open({
      socketPath: engine.socketPath,
      node: { nodeId: testId(), nodeName: "node-e", address: "127.0.0.1" },
      sharedDir: null,
      cgroupParents: null,
      timers: systemTimers,
      wall: wallClock,
      log: pino({ level: "silent" }),
    });
  }, 90_000);

  afterAll(async () => {
    await runtime?.close();
    await engine?.stop();
  }, 60_000);

  test("the script fills the volume once, with the server's environment, and its user owns what it made", async () => {
    const one = server(script('echo "$GREETING $SERVER_PORT" > file\r\necho again >> ran\r\n'));
    await install(one);
    await install(one);
    expect(await runtime.inspect(one.containerId)).toBeNull();
    expect(
      await says(one, "cd /home/container; cat file ran; stat -c %u:%g file .; echo more >> file && echo may"),
    ).toEqual(["hello 25565", "again", "988:987", "988:987", "may"]);
    // A copy that has ended is there now, by which the next start sees the same.
    await install(one);
    expect(await says(one, "cat /home/container/ran")).toEqual(["again"]);
  });

  test("asked to run again it does, on what is there", async () => {
    const one = server(script("echo run >> runs"));
    await install(one);
    await install(one, { again: true, epoch: 2n });
    // As before every start: the copy of the script is still there.
    await install(one, { epoch: 3n });
    expect(await says(one, "cat /home/container/runs")).toEqual(["run", "run"]);
  });

  test("a script that fails says how, leaves its output, and runs again the next time", async () => {
    const one = server(script("echo step one; echo no such game >&2; test -f fixed || { echo > fixed; exit 3; }"));
    await expect(install(one)).rejects.toMatchObject({
      code: "install_failed",
      message: expect.stringMatching(/exit code 3; its last output: .*step one.*no such game|no such game/),
    });
    expect(await output(one.containerId)).toContain("step one");
    expect(await runtime.inspect(one.containerId)).toMatchObject({
      state: "exited",
      detail: "its install script ended with exit code 3",
    });
    await install(one, { epoch: 2n });
    expect(await runtime.inspect(one.containerId)).toBeNull();
  });

  test("a script that takes longer than its time is ended", async () => {
    const one = server(script("echo begun; sleep 100", 1_500));
    await expect(install(one)).rejects.toMatchObject({
      code: "install_failed",
      message: expect.stringMatching(/not done within 1500 ms.*begun/),
    });
    expect((await engine.docker.listContainers()).length).toBe(0);
  });

  test("while it runs it is a copy that has not been started, its output is the container's, and a stop ends it", async () => {
    const one = server(script("echo working; sleep 100"));
    const cut = new AbortController();
    const installing = install(one, { cut: cut.signal, epoch: 4n }).catch((error: unknown) => error);
    await waitFor("its output", async () => (await outputSoFar(one.containerId)).includes("working"));
    expect(await runtime.inspect(one.containerId)).toMatchObject({ state: "created", epoch: 4n, session: 1n });
    const [engines] = await engine.docker.listContainers();
    const { HostConfig, Config } = await engine.docker.getContainer(engines?.Id ?? "").inspect();
    expect(HostConfig).toMatchObject({ Privileged: false, CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"] });
    expect(HostConfig.Mounts).toMatchObject([{ Type: "volume", Target: "/mnt/server" }]);
    expect(HostConfig.Binds ?? []).toEqual([]);
    expect(Config.User).toBe("0:0");
    await runtime.stop(one.containerId, "SIGTERM", 5_000);
    expect(await installing).toMatchObject({ code: "install_failed" });
    expect((await engine.docker.listContainers()).length).toBe(0);
    cut.abort();
  });

  test("a cut ends a script at once", async () => {
    const one = server(script("echo working; sleep 100"));
    const cut = new AbortController();
    const installing = install(one, { cut: cut.signal }).catch((error: unknown) => error);
    await waitFor("its output", async () => (await outputSoFar(one.containerId)).includes("working"));
    cut.abort();
    expect(await installing).toMatchObject({ code: "install_failed" });
    expect((await engine.docker.listContainers()).length).toBe(0);
  });

  test("an order that is stale by then runs nothing and leaves nothing", async () => {
    const one = server(script("echo ran > ran"));
    const release = async () => {
      throw new Error("closed meanwhile");
    };
    await expect(runtime.install({ spec: one, epoch: 1n, session: 1n, again: false, release })).rejects.toThrow(
      "closed meanwhile",
    );
    expect(await runtime.inspect(one.containerId)).toBeNull();
    expect(await says(one, "ls /home/container")).toEqual([]);
  });

  test("values are set before each start; owner and mode stay, and a new file has the folder's owner", async () => {
    const one = server({
      ...script("printf '# kept\\nport=1\\n' > server.properties; busybox chmod 640 server.properties"),
      configFiles: [...config("server.properties").configFiles, ...config("conf/new.properties").configFiles],
    });
    await install(one);
    const show =
      "cd /home/container; cat server.properties; stat -c %a:%u:%g server.properties conf conf/new.properties";
    const expected = ["# kept", "port=25565", "motd=hello from 127.0.0.1", "640:988:987", "755:988:987", "644:988:987"];
    expect(await says(one, show)).toEqual(expected);
    expect(await says(one, `${show}; echo port=7 > server.properties`)).toEqual(expected);
    expect(await says(one, "head -n 1 /home/container/server.properties")).toEqual(["port=25565"]);
  });

  test("a configuration file that is a symbolic link is refused, and what it points to stays", async () => {
    const one = server({ ...script("ln -s /etc/hostname link.properties"), ...config("link.properties") });
    await install(one);
    await expect(start(one)).rejects.toMatchObject({
      code: "config_failed",
      message: expect.stringContaining('symbolic link "link.properties"'),
    });
    expect(await runtime.inspect(one.containerId)).toBeNull();
  });

  test("a symbolic link on the way to a configuration file is refused", async () => {
    const one = server({ ...script("ln -s /tmp conf"), ...config("conf/deep/server.properties") });
    await install(one);
    await expect(start(one)).rejects.toMatchObject({
      code: "config_failed",
      message: expect.stringContaining('symbolic link "conf"'),
    });
  });

  test("a path that leaves the volume is refused before anything is made", async () => {
    const one = server(config("../../etc/passwd"));
    await expect(start(one)).rejects.toMatchObject({
      code: "config_failed",
      message: expect.stringContaining("leads out"),
    });
  });

  test("a configuration file at the bound is edited and one above is refused", async () => {
    const fill = (bytes: number) => `busybox head -c ${bytes} /dev/zero | busybox tr '\\0' '#' > big.properties`;
    const fits = server({ ...script(fill(CONFIG_BYTES_MAX - 100)), ...config("big.properties") });
    await install(fits);
    expect(await says(fits, "busybox tail -n 1 /home/container/big.properties")).toEqual(["motd=hello from 127.0.0.1"]);
    const large = server({ ...script(fill(CONFIG_BYTES_MAX + 1)), ...config("big.properties") });
    await install(large);
    await expect(start(large)).rejects.toMatchObject({
      code: "config_failed",
      message: expect.stringContaining("at most"),
    });
  });

  test("a script whose engine dies while it runs is done with when the engine is back", async () => {
    const one = server(script("echo working; sleep 100", 50_000));
    const installing = install(one).catch((error: unknown) => error);
    await waitFor("its output", async () => (await outputSoFar(one.containerId)).includes("working"));
    await engine.kill();
    await engine.boot();
    expect(await installing).toMatchObject({ code: "install_failed" });
    expect((await engine.docker.listContainers()).length).toBe(0);
  });
});
