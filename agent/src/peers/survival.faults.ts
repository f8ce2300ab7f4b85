import { type LeasePolicy, policyProblems } from "@lormas/lease/lease-policy.ts";
import { afterEach, describe, expect, test } from "vitest";
import { waitFor } from "../clock/wait-for-clock.ts";
import { TestAgentProcess } from "../node/test-agent-process.ts";
import { testCommand, testSpec } from "../node/test-command.ts";
import { TestCoordinator, testNodeId } from "../session/test-coordinator.ts";
import { TcpSwitch } from "./tcp-switch.ts";

/**
 * Votes last as long as a lease here, and a lease four times as long as an agent takes to start: one shall be started again
 * under votes, on a machine that is busy as well.
 */
function policyFor(startMs: number): LeasePolicy {
  const leaseMs = Math.round(Math.min(40_000, Math.max(6_000, 4 * startMs)));
  const policy = {
    ...{ profile: "test", intervalMs: 200, leaseMs, killMs: 2_000, voteMs: leaseMs, unhealthyMs: 600 },
    ...{ survival: true, selfFencing: true },
  };
  expect(policyProblems(policy)).toEqual([]);
  return policy;
}

let fleet: Fleet | null = null;

afterEach(async () => {
  await fleet?.cleanUp();
  fleet = null;
});

/** Three real agents with real guards, one HA container each; every way between two processes leads through a switch. */
class Fleet {
  readonly coordinator: TestCoordinator;
  readonly nodes: readonly FleetNode[];
  readonly #peerSwitches: { from: string; to: string; at: TcpSwitch }[] = [];

  private constructor(coordinator: TestCoordinator, nodes: readonly FleetNode[]) {
    this.coordinator = coordinator;
    this.nodes = nodes;
  }

  static async start(): Promise<Fleet> {
    const coordinator = await TestCoordinator.start(Date.now);
    coordinator.policy = policyFor(0);
    const bornMs = performance.now();
    const nodes = await Promise.all(
      ["node-1", "node-2", "node-3"].map(async (name) => {
        const link = await TcpSwitch.to(coordinator.port);
        const agent = new TestAgentProcess();
        agent.start(link.address, coordinator.joinToken, { flags: ["--name", name] });
        return { name, id: testNodeId(name), agent, link, spec: testSpec({ ha: true }) };
      }),
    );
    fleet = new Fleet(coordinator, nodes);
    await fleet.#begin(bornMs);
    return fleet;
  }

  async #begin(bornMs: number): Promise<void> {
    const { coordinator, nodes } = this;
    let startMs = 0;
    for (const { id, name, spec } of nodes) {
      await waitFor(`${name} attached`, () => coordinator.nodes.get(id)?.commands, 60_000);
      startMs ||= performance.now() - bornMs;
      await waitFor(`${name} with a lease`, () => (coordinator.nodes.get(id)?.beat?.remainingMs ?? 0) > 0, 30_000);
      const command = testCommand(spec.containerId, { case: "start", value: { spec } });
      coordinator.send({ case: "command", value: command }, id);
      expect(await waitFor("it started", () => coordinator.resultOf(command.commandId), 30_000)).toMatchObject({
        ok: true,
      });
    }
    for (const from of nodes) {
      for (const to of nodes) {
        const port = Number(coordinator.nodes.get(to.id)?.hello?.peerAddress.split(":")[1]);
        this.#peerSwitches.push({ from: from.id, to: to.id, at: await TcpSwitch.to(port) });
      }
    }
    coordinator.votersFor = (asker) =>
      nodes.map(({ id, name }) => ({
        nodeId: id,
        nodeName: name,
        peerAddress: this.#peerSwitches.find(({ from, to }) => from === asker && to === id)?.at.address ?? "",
      }));
    coordinator.policy = policyFor(startMs);
    coordinator.epoch = 2n;
    const { leaseMs, intervalMs } = coordinator.policy;
    // The lease that is held when the group is taken up is still one of the old policy.
    await waitFor("the voting group confirmed, and a lease of its policy held", () =>
      nodes.every(({ id }) => {
        const beat = coordinator.nodes.get(id)?.beat;
        return beat?.membershipEpoch === 2n && beat.remainingMs > leaseMs / 2 - 3 * intervalMs;
      }),
    );
  }

  /** Cuts every way to and from a node. */
  isolate({ id, link }: FleetNode): void {
    link.isCut = true;
    for (const { from, to, at } of this.#peerSwitches) if (from === id || to === id) at.isCut = true;
  }

  pids(): (number | null)[] {
    return this.nodes.map(({ agent, spec }) => agent.containerPid(spec.containerId));
  }

  async cleanUp(): Promise<void> {
    await Promise.all(this.nodes.map(({ agent }) => agent.cleanUp()));
    await Promise.all(
      [...this.#peerSwitches.map(({ at }) => at), ...this.nodes.map(({ link }) => link)].map((at) => at.close()),
    );
    await this.coordinator.stop();
  }
}

type FleetNode = {
  readonly name: string;
  readonly id: string;
  readonly agent: TestAgentProcess;
  readonly link: TcpSwitch;
  readonly spec: ReturnType<typeof testSpec>;
};

/** Waits until so much time has passed since `sinceMs`. */
const passed = (ms: number, sinceMs: number) =>
  waitFor("time to pass", () => performance.now() - sinceMs >= ms, ms + 1_000);

const beatsOf = (fleet: Fleet) => fleet.nodes.map(({ id }) => fleet.coordinator.nodes.get(id)?.beat);

describe.runIf(process.platform === "linux")("three agents whose control plane dies", { timeout: 240_000 }, () => {
  test("stop nothing for more than two leases, start what crashes, outlive an agent, and take up the coordinator again", async () => {
    const fleet = await Fleet.start();
    const { coordinator, nodes } = fleet;
    const { policy } = coordinator;
    const before = fleet.pids();
    expect(before).not.toContain(null);
    const starts = coordinator.results.length;
    const diedMs = performance.now();
    await coordinator.stop();
    await passed(2.2 * policy.leaseMs, diedMs);
    expect(fleet.pids()).toEqual(before);
    for (const { agent } of nodes) {
      expect(agent.output).toMatch(/[23] of 3 voters are without lease \(this node, node-\d/);
      expect(agent.output).not.toContain("are killed");
    }

    // The agent restarts a crashed copy by itself, past every soft end, since nobody else could.
    const [first] = nodes;
    const crashed = before[0] ?? 0;
    process.kill(crashed, "SIGKILL");
    await waitFor("it started again", () => {
      const pid = first?.agent.containerPid(first.spec.containerId);
      return pid && pid !== crashed;
    });
    await waitFor("that said", () =>
      first?.agent.output.includes("while no coordinator is there: it was started again"),
    );

    // An agent that is killed and started again asks as well: what it goes by is its journal and its guard.
    const [, second] = nodes;
    const survivors = fleet.pids();
    const killedMs = performance.now();
    await second?.agent.kill("SIGKILL");
    if (second) second.agent.output = "";
    second?.agent.start(second.link.address, null, { flags: ["--name", second.name] });
    await waitFor("votes that count again", () => second?.agent.output.includes("what runs goes on"), policy.voteMs);
    // No vote that the killed agent was given reaches as far.
    await passed(policy.voteMs + policy.killMs, killedMs);
    expect(fleet.pids()).toEqual(survivors);

    for (const node of coordinator.nodes.values()) Object.assign(node, { beat: null, commands: null });
    coordinator.heard.messages.length = 0;
    await coordinator.listen(coordinator.port);
    await waitFor("leases again", () => beatsOf(fleet).every((beat) => (beat?.remainingMs ?? 0) > 0), 30_000);
    await waitFor(
      "what runs told",
      () => coordinator.heard.messages.filter(({ case: kind }) => kind === "inventory").length === 3,
      30_000,
    );
    for (const message of coordinator.heard.messages) {
      if (message.case === "inventory") expect(message.value).toMatchObject({ workloads: [{ epoch: 1n, state: 3 }] });
    }
    expect(fleet.pids()).toEqual(survivors);
    expect(coordinator.results.length).toBeLessThanOrEqual(starts);
  });

  test("one of them cut off from everything kills its copies within L + K; the others go on", async () => {
    const fleet = await Fleet.start();
    const [, , alone] = fleet.nodes;
    const { policy } = fleet.coordinator;
    const before = fleet.pids();
    if (!alone) throw new Error("there are three");
    const cutMs = performance.now();
    fleet.isolate(alone);
    await fleet.coordinator.stop();
    await waitFor("its copy killed", () => alone.agent.containerPid(alone.spec.containerId) === null, 60_000);
    const afterMs = performance.now() - cutMs;
    expect(afterMs).toBeLessThan(policy.leaseMs + policy.killMs);
    // Two heartbeats may have been under way, unacknowledged, when it was cut off.
    expect(afterMs).toBeGreaterThan(policy.leaseMs - 3 * policy.intervalMs);
    await passed(2.2 * policy.leaseMs, cutMs);
    expect(fleet.pids()).toEqual([before[0], before[1], null]);
    await waitFor("the reason said", () => alone.agent.output.includes("1 of 3 voters are without lease (this node; "));
    expect(alone.agent.output).toContain("HA containers of this node are killed");
  });
});
