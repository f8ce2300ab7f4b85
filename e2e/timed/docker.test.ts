import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { engineProblem, TEST_IMAGE, TestEngine } from "../../agent/src/runtime/docker/test-engine.ts";
import { Fleet } from "../fleet/fleet.ts";

const problem = engineProblem();
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

  test("Ctrl-C leaves no container running", async () => {
    expect((await fleet.interrupt()).code).toBe(0);
    expect(await running()).toEqual([]);
    expect(fleet.processes()).toEqual([]);
  });
});
