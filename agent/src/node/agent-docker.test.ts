import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "../clock/wait-for-clock.ts";
import { everyCgroupFolder, processesBelow } from "../process/cgroup-layout.ts";
import { engineProblem, TEST_IMAGE, TestEngine } from "../runtime/docker/test-engine.ts";
import { TEST_NODE_ID, TestCoordinator } from "../session/test-coordinator.ts";
import { TestAgentProcess } from "./test-agent-process.ts";
import { testCommand, testSpec } from "./test-command.ts";

const problem = engineProblem();
const skip = problem !== null && process.env["LORMAS_TEST_REQUIRE"] !== "1";

let engine: TestEngine;
let coordinator: TestCoordinator;
let agent: TestAgentProcess;

describe("the agent's process on a real engine", { timeout: 60_000 }, () => {
  beforeEach((context) => {
    if (skip) context.skip(problem);
  });
  beforeAll(async () => {
    if (skip) return;
    if (problem !== null) throw new Error(problem);
    engine = await TestEngine.start();
  }, 90_000);
  afterAll(() => engine?.stop(), 60_000);

  beforeEach(async () => {
    coordinator = await TestCoordinator.start(Date.now);
    agent = new TestAgentProcess();
    agent.start(coordinator.address, coordinator.joinToken, { dockerSocket: engine.socketPath });
    await waitFor("an inventory", () => coordinator.heard.messages.some(({ case: kind }) => kind === "inventory"));
    await waitFor("a lease", () => (coordinator.heard.heartbeats.at(-1)?.remainingMs ?? 0) > 0);
  });
  afterEach(async () => {
    await agent?.cleanUp();
    await coordinator?.stop();
  });

  /** What runs below the node's parent cgroup, the guard aside. */
  const processes = (kind: "ha" | "plain") =>
    new Set(everyCgroupFolder(`${agent.cgroupParent}/${TEST_NODE_ID}/${kind}`).flatMap(processesBelow)).size;

  async function start(ha: boolean) {
    const spec = testSpec({ ha, image: TEST_IMAGE, startup: { docker: "while :; do sleep 0.05; done" } });
    const command = testCommand(spec.containerId, { case: "start", value: { spec } });
    coordinator.send({ case: "command", value: command });
    const result = await waitFor("a result", () => coordinator.resultOf(command.commandId), 20_000);
    expect(result).toMatchObject({ ok: true, errorCode: "" });
    return spec;
  }

  test("with agent and engine both killed, the guard kills HA containers at the deadline, and no others", async () => {
    await start(true);
    await start(false);
    expect(processes("ha")).toBeGreaterThan(0);
    await engine.kill();
    const killedAt = performance.now();
    await agent.kill("SIGKILL");
    expect(processes("ha")).toBeGreaterThan(0);
    await waitFor("HA containers killed", () => processes("ha") === 0);
    const afterMs = performance.now() - killedAt;
    expect(afterMs).toBeLessThan(coordinator.policy.leaseMs + coordinator.policy.killMs);
    expect(processes("plain")).toBeGreaterThan(0);
    await engine.boot();
    for (const { Id } of await engine.docker.listContainers({ all: true })) {
      await engine.docker.getContainer(Id).remove({ force: true });
    }
  });

  test("stops, reports and cleans up at the end of the agent", async () => {
    const spec = await start(true);
    const info = await engine.docker.listContainers({ filters: { label: [`lormas.container=${spec.containerId}`] } });
    expect(info).toHaveLength(1);
    expect(await agent.kill("SIGTERM")).toBe(0);
    expect(coordinator.heard.messages.at(-1)).toMatchObject({ case: "goodbye" });
    expect(await engine.docker.listContainers()).toEqual([]);
    await waitFor("the guard gone", () => agent.marked().length === 0);
  });
});
