import { existsSync, readFileSync, statSync } from "node:fs";
import { getPriority } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "../clock/wait-for-clock.ts";
import { TestCoordinator } from "../session/test-coordinator.ts";
import { TestAgentProcess } from "./test-agent-process.ts";
import { testCommand, testSpec } from "./test-command.ts";

let coordinator: TestCoordinator;
let agent: TestAgentProcess;

beforeEach(async () => {
  coordinator = await TestCoordinator.start(Date.now);
  agent = new TestAgentProcess();
});

afterEach(async () => {
  await agent.cleanUp();
  await coordinator.stop();
});

/** Empty when it has ended since it was listed. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

const isGuard = (pid: number): boolean => commandLine(pid).includes("guard/main.mjs");

async function ready() {
  await waitFor("an inventory", () => coordinator.heard.messages.some((message) => message.case === "inventory"));
  await waitFor("a lease", () => (coordinator.heard.heartbeats.at(-1)?.remainingMs ?? 0) > 0);
}

async function run(command: ReturnType<typeof testCommand>) {
  coordinator.send({ case: "command", value: command });
  return waitFor("a result", () => coordinator.resultOf(command.commandId), 15_000);
}

describe.runIf(process.platform === "linux")("the agent's process", { timeout: 30_000 }, () => {
  test("enrols, holds a guarded lease, runs a container and says goodbye", async () => {
    agent.start(coordinator.address, coordinator.joinToken);
    await ready();
    expect(coordinator.heard.enrolments).toHaveLength(1);
    expect(statSync(join(agent.dataDir, "key.pem")).mode & 0o777).toBe(0o600);
    expect(coordinator.heard.heartbeats.at(-1)).toMatchObject({ session: 1n, guarded: true, runtimeReady: true });

    const spec = testSpec({
      ha: true,
      startup: { exec: "trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.05; done" },
    });
    const started = await run(testCommand(spec.containerId, { case: "start", value: { spec } }));
    expect(started).toMatchObject({ ok: true, errorCode: "" });
    const pid = await waitFor("its process", () => agent.containerPid(spec.containerId));
    expect(readFileSync(`/proc/${pid}/environ`, "latin1")).toContain(`LORMAS_CONTAINER=${spec.containerName}`);

    expect(await agent.kill("SIGTERM")).toBe(0);
    expect(coordinator.heard.messages.at(-1)).toMatchObject({ case: "goodbye", value: { session: 1n } });
    expect(readFileSync(join(agent.dataDir, "containers", spec.containerId, "stdout.log"), "utf8")).toContain("bye");
    await waitFor("the guard gone", () => agent.marked().length === 0);
    expect(existsSync(join(agent.dataDir, "run", "guard.sock"))).toBe(false);
  });

  test("killed, leaves HA containers running until the deadline, at which the guard kills them", async () => {
    agent.start(coordinator.address, coordinator.joinToken);
    await ready();
    const ha = testSpec({ ha: true });
    const plain = testSpec({ ha: false });
    for (const spec of [ha, plain]) {
      expect(await run(testCommand(spec.containerId, { case: "start", value: { spec } }))).toMatchObject({ ok: true });
    }
    const killedAt = performance.now();
    await agent.kill("SIGKILL");
    expect(agent.containerPid(ha.containerId)).not.toBeNull();
    await waitFor("the HA container killed", () => agent.containerPid(ha.containerId) === null);
    const afterMs = performance.now() - killedAt;
    const { leaseMs, killMs, intervalMs } = coordinator.policy;
    expect(afterMs).toBeGreaterThan(leaseMs - 2 * intervalMs - 100);
    expect(afterMs).toBeLessThan(leaseMs + killMs);
    expect(agent.containerPid(plain.containerId)).not.toBeNull();
  });

  test("killed and started again within the lease, adopts what runs and keeps it alive", async () => {
    coordinator.policy = { ...coordinator.policy, intervalMs: 300, leaseMs: 6_000 };
    agent.start(coordinator.address, coordinator.joinToken);
    await ready();
    const spec = testSpec({ ha: true });
    await run(testCommand(spec.containerId, { case: "start", value: { spec } }));
    const pid = agent.containerPid(spec.containerId);
    await agent.kill("SIGKILL");
    coordinator.heard.messages.length = 0;
    agent.start(coordinator.address, null);
    await ready();
    const inventory = coordinator.heard.messages.find((message) => message.case === "inventory");
    expect(inventory?.value).toMatchObject({ workloads: [{ containerId: spec.containerId, epoch: 1n, state: 3 }] });
    const beats = coordinator.heard.heartbeats.length;
    await waitFor("a lease's worth of heartbeats", () => coordinator.heard.heartbeats.length > beats + 22, 15_000);
    expect(agent.containerPid(spec.containerId)).toBe(pid);
    expect(coordinator.heard.hellos.map((hello) => hello.incarnation)[0]).not.toBe(
      coordinator.heard.hellos.at(-1)?.incarnation,
    );
  });

  test("ends with everything that it runs when the supervisor's lifeline ends", async () => {
    agent.start(coordinator.address, coordinator.joinToken, { lifeline: true });
    await ready();
    const spec = testSpec({ ha: false });
    await run(testCommand(spec.containerId, { case: "start", value: { spec } }));
    agent.child?.stdio[3]?.destroy();
    await waitFor("all of the node gone", () => agent.marked().length === 0, 2_000);
  });

  test("brings a killed guard back and stays guarded", async () => {
    coordinator.policy = { ...coordinator.policy, intervalMs: 300, leaseMs: 6_000 };
    agent.start(coordinator.address, coordinator.joinToken);
    await ready();
    const spec = testSpec({ ha: true });
    await run(testCommand(spec.containerId, { case: "start", value: { spec } }));
    const guard = agent.marked().find(isGuard);
    process.kill(guard ?? 0, "SIGKILL");
    await waitFor("another guard", () => agent.marked().some((pid) => pid !== guard && isGuard(pid)));
    const beats = coordinator.heard.heartbeats.length;
    await waitFor("guarded heartbeats", () =>
      coordinator.heard.heartbeats.slice(beats + 3).some((beat) => beat.guarded),
    );
    expect(agent.containerPid(spec.containerId)).not.toBeNull();
  });

  test("with a guard that does not answer, keeps the deadline itself, says so, and takes no HA container", async () => {
    agent.start(coordinator.address, coordinator.joinToken);
    await ready();
    const spec = testSpec({ ha: true });
    await run(testCommand(spec.containerId, { case: "start", value: { spec } }));
    const guard = agent.marked().find(isGuard);
    process.kill(guard ?? 0, "SIGSTOP");
    await waitFor("it told", () => coordinator.heard.heartbeats.at(-1)?.guarded === false);
    await waitFor("the HA container killed by the agent", () => agent.containerPid(spec.containerId) === null);
    expect(coordinator.heard.heartbeats.at(-1)).toMatchObject({ guarded: false, remainingMs: 0 });
    // What comes late, as a start that waited in its engine, must not run one instruction.
    if (agent.haFrozen() !== null) expect(agent.haFrozen()).toBe(true);
    const other = testSpec({ ha: true });
    const refused = await run(testCommand(other.containerId, { case: "start", value: { spec: other } }));
    expect(refused).toMatchObject({ ok: false, errorCode: "no_lease" });
    process.kill(guard ?? 0, "SIGCONT");
    await waitFor("guarded under a lease again", () => {
      const beat = coordinator.heard.heartbeats.at(-1);
      return beat?.guarded === true && beat.remainingMs > 0 && agent.haFrozen() !== true;
    });
  });

  test("killed with nobody else to start it, comes back by its guard under the same lease, and not after it left", async () => {
    coordinator.policy = { ...coordinator.policy, intervalMs: 300, leaseMs: 8_000 };
    agent.start(coordinator.address, coordinator.joinToken, { restarts: true });
    await ready();
    const spec = testSpec({ ha: true });
    await run(testCommand(spec.containerId, { case: "start", value: { spec } }));
    const pid = agent.containerPid(spec.containerId);
    const hellos = coordinator.heard.hellos.length;
    coordinator.heard.messages.length = 0;
    await agent.kill("SIGKILL");
    await waitFor("another agent's hello", () => coordinator.heard.hellos.length > hellos);
    await ready();
    expect(coordinator.heard.hellos.at(-1)).toMatchObject({ session: 1n, guarded: true });
    const inventory = coordinator.heard.messages.find((message) => message.case === "inventory");
    expect(inventory?.value).toMatchObject({ workloads: [{ containerId: spec.containerId, epoch: 1n, state: 3 }] });
    expect(agent.containerPid(spec.containerId)).toBe(pid);

    const again = Number(readFileSync(join(agent.dataDir, "agent.pid"), "utf8"));
    expect(again).not.toBe(agent.child?.pid);
    for (const file of ["cgroup", "oom_score_adj"]) {
      expect(readFileSync(`/proc/${again}/${file}`, "utf8")).toBe(readFileSync(`/proc/self/${file}`, "utf8"));
    }
    expect(getPriority(again)).toBe(getPriority());
    process.kill(again, "SIGTERM");
    await waitFor("agent and guard gone", () => agent.marked().length === 0);
    expect(coordinator.heard.messages.at(-1)).toMatchObject({ case: "goodbye" });
  });

  test("stopped, is not started again; its deadline is kept, and what comes late stays frozen until a new lease", async () => {
    agent.start(coordinator.address, coordinator.joinToken, { restarts: true });
    await ready();
    const spec = testSpec({ ha: true });
    await run(testCommand(spec.containerId, { case: "start", value: { spec } }));
    const pid = agent.child?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    await waitFor("the HA container killed", () => agent.containerPid(spec.containerId) === null);
    const commandLines = agent.marked().map(commandLine);
    expect(commandLines.filter((line) => line.includes("agent/src/main.ts"))).toHaveLength(1);
    const frozen = () => agent.haFrozen();
    if (frozen() !== null) expect(frozen()).toBe(true);
    process.kill(pid, "SIGCONT");
    await waitFor(
      "a new lease",
      () => frozen() !== true && (coordinator.heard.heartbeats.at(-1)?.remainingMs ?? 0) > 0,
    );
    expect(agent.child?.exitCode).toBeNull();
  });

  test("refuses bad settings with code 2 and the exec runtime in production, and touches nothing", async () => {
    agent.start("nonsense", null, { flags: ["--production"] });
    expect(await agent.exited()).toBe(2);
    expect(agent.output).toContain("--coordinator");
    expect(agent.output).toContain("--allow-exec");
    expect(existsSync(join(agent.dataDir, "agent.pid"))).toBe(false);
  });
});
