import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { engineProblem, TEST_IMAGE, TestEngine } from "../../agent/src/runtime/docker/test-engine.ts";
import { until } from "../../lab/src/until.ts";
import { Fleet } from "../fleet/fleet.ts";
import { TerminalRun } from "../fleet/terminal-run.ts";

const problem = engineProblem();
const SHELL = {
  meta: { version: "LORMAS_v1" },
  ...{ id: "shell", name: "Shell", description: "", categoryId: "games", version: "1", image: TEST_IMAGE, tty: true },
  ...{ startup: { docker: "exec sh" }, variables: [], ports: [], volumes: [], health: null, startBudgetMs: 2_000 },
  stop: { signal: "SIGKILL", graceMs: 1_000 },
  defaultResources: { cpuMillis: 50, memoryBytes: 32 * 1024 ** 2, diskBytes: 0 },
};
const required = process.env["LORMAS_TEST_REQUIRE"] === "1";

describe("a fleet on Docker", () => {
  let engine: TestEngine;
  let fleet: Fleet;
  beforeEach((context) => {
    if (problem !== null && !required) context.skip(problem);
  });
  beforeAll(async () => {
    if (problem !== null && required) throw new Error(problem);
    if (problem !== null) return;
    engine = await TestEngine.start();
    // What the eggs name; nothing is ever pulled.
    await engine.docker.getImage(TEST_IMAGE).tag({ repo: "busybox", tag: "1.36" });
    fleet = await Fleet.up({
      environment: { LORMAS_PROFILE: "fast", LORMAS_DOCKER_SOCKET: engine.socketPath },
      args: ["--runtime", "docker"],
    });
  });
  afterAll(async () => {
    await fleet?.dispose();
    await engine?.stop();
  });

  const running = async () => {
    const containers = await engine.docker.listContainers({ filters: { label: ["lormas.container"] } });
    return containers.map(({ Names: [name = ""] }) => name.slice(1));
  };

  test("demo failover holds its bound: the container runs once, on another node", async () => {
    const { code, stdout, stderr } = await fleet.cli("demo", "failover");
    expect([stderr, code], stdout).toEqual(["", 0]);
    expect(stdout).toMatch(/^\d+\.\d s without service$/m);
    expect(stdout).toMatch(/^bound \d+\.\d s: held$/m);
    const after = await fleet.container("demo-1", "RUNNING");
    expect(await running()).toEqual([`lormas-${after.nodeName}-demo-1`]);
  });

  test("the killed node comes back without the copy of its old session", async () => {
    const { nodes } = await fleet.api().nodes.listNodes({});
    const [victim] = nodes.filter((node) => node.containerCount === 0 && node.session > 1n);
    expect((await fleet.cli("demo", "revive", victim?.name ?? "")).code).toBe(0);
    await fleet.nodes("HEALTHY");
    const all = await engine.docker.listContainers({ all: true, filters: { label: [`lormas.node=${victim?.id}`] } });
    expect(all).toEqual([]);
  });

  test("a shell in a container is a terminal for any number of people, as large as the last window", {
    timeout: 90_000,
  }, async () => {
    const file = join(fleet.folder, "shell.json");
    writeFileSync(file, JSON.stringify(SHELL));
    const done = async (...args: string[]) => {
      const { code, stdout, stderr } = await fleet.cli(...args);
      expect(code, `${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
      return stdout;
    };
    await done("egg", "import", file);
    await done("container", "create", "shell-1", "--egg", "shell", "--wait");
    expect(await done("container", "show", "shell-1")).toMatch(/^Terminal +yes$/m);
    const env = { PATH: process.env["PATH"] ?? "", HOME: fleet.folder, LORMAS_DATA_DIR: fleet.dataDir.path };
    const command = [fleet.launcher, "container", "attach", "shell-1"];
    const [ann, ben] = [new TerminalRun(command, env), new TerminalRun(command, env)];
    for (const run of [ann, ben]) await run.shows("attached to shell-1; Ctrl-P Ctrl-Q detaches, and it runs on");
    const size = (text: string) =>
      until(`it is ${text}`, 30_000, () => {
        ann.type("stty size\r");
        return ben.shown.includes(text);
      });
    await size("30 120");
    ben.resize(41, 133);
    await size("41 133");
    ann.resize(25, 80);
    await size("25 80");
    // A program that is ended by Ctrl-C, and a line that is taken back by Ctrl-P: both are the shell's keys here.
    ben.type("sleep 1000\r");
    await ann.shows("sleep 1000");
    ben.type("\u0003");
    ben.type("echo $((40+2)) things\r");
    await ann.shows("42 things");
    ann.type("\u0010\u0011");
    expect([await ann.ended(), ann.shown]).toEqual([0, expect.stringContaining("detached from shell-1; it runs on")]);
    ben.type("exit\r");
    expect([await ben.ended(), ben.shown]).toEqual([0, expect.stringContaining("the process of shell-1 has ended")]);
    await done("container", "rm", "shell-1", "--wait");
  });

  test("Ctrl-C leaves no container running", async () => {
    expect((await fleet.interrupt()).code).toBe(0);
    expect(await running()).toEqual([]);
    expect(fleet.processes()).toEqual([]);
  });
});
