import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { VolumeMountSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootClock, systemTimers, wallClock } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { Journal } from "../journal/journal.ts";
import { InMemoryPeers } from "../peers/in-memory-peers.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { keepCertificateFresh } from "../session/certificate-renewal.ts";
import { coordinatorClient } from "../session/coordinator-client.ts";
import { CredentialFiles, type Credentials } from "../session/credentials.ts";
import { RenewalWish } from "../session/renewal-wish.ts";
import { TEST_NODE_ID, TestCoordinator } from "../session/test-coordinator.ts";
import { enrolHere } from "../session/test-enrolment.ts";
import { NodeAgent } from "./node-agent.ts";
import { testCommand, testId, testSpec } from "./test-command.ts";

const clock = bootClock();
let said: string[] = [];
const log = pino({ level: "warn" }, { write: (line: string) => said.push(line) });
let peers: InMemoryPeers;
let coordinator: TestCoordinator;
let dataDir: string;
let journal: Journal;
let runtime: SimulatedRuntime;
let guard: InProcessGuard;
let agent: NodeAgent;
let running: Promise<void>;
let credentials: Credentials;
let enforced: number;

async function startAgent(): Promise<void> {
  journal = await Journal.open(dataDir);
  const resources = { cpuMillis: 2_000, memoryBytes: 1n << 30n, diskBytes: 1n << 33n };
  agent = new NodeAgent({
    nodeId: TEST_NODE_ID,
    incarnation: testId(),
    address: "127.0.0.1",
    portPool: { min: 20_000, max: 20_100 },
    runtime,
    journal,
    guard,
    enforcement: {
      kill: () => {
        enforced += 1;
      },
      thaw: () => true,
    },
    connect: () => coordinatorClient(coordinator.address, credentials),
    peers: peers.plane(TEST_NODE_ID),
    measure: async () => ({ capacity: resources, usage: resources }),
    clock,
    timers: systemTimers,
    random: Math.random,
    log,
  });
  running = agent.run();
}

async function endAgent(): Promise<void> {
  agent.abandon();
  await running;
  await journal.close();
}

const inventories = () => coordinator.heard.messages.filter((message) => message.case === "inventory");
const leased = () => waitFor("a lease", () => (coordinator.heard.heartbeats.at(-1)?.remainingMs ?? 0) > 0);
const attached = (count = 1) => waitFor("an inventory", () => inventories().length >= count);

async function run(command: ReturnType<typeof testCommand>) {
  coordinator.send({ case: "command", value: command });
  return waitFor("a result", () => coordinator.resultOf(command.commandId));
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-node-"));
  coordinator = await TestCoordinator.start(Date.now);
  runtime = new SimulatedRuntime(clock, systemTimers);
  guard = new InProcessGuard();
  peers = new InMemoryPeers();
  said = [];
  enforced = 0;
  credentials = await enrolHere(coordinator, dataDir);
  await startAgent();
});

afterEach(async () => {
  await endAgent();
  await coordinator.stop();
  rmSync(dataDir, { recursive: true });
});

describe("an agent and its coordinator", { timeout: 20_000 }, () => {
  test("keep a lease by heartbeats that rise and confirm what was acknowledged", async () => {
    await leased();
    const beats = coordinator.heard.heartbeats;
    await waitFor("some heartbeats", () => beats.length >= 6);
    expect(beats.every((beat, n) => n === 0 || beat.sequence > (beats[n - 1]?.sequence ?? 0n))).toBe(true);
    expect(beats.at(-1)?.lastAckSeen).toBeGreaterThan(0n);
    expect(beats.at(-1)).toMatchObject({ session: 1n, guarded: true, usage: { cpuMillis: 2_000 } });
    expect(coordinator.heard.hellos[0]).toMatchObject({ session: 0n, runtime: "simulated", portPoolMax: 20_100 });
    expect(coordinator.heard.attaches[0]?.incarnation).toBe(coordinator.heard.hellos[0]?.incarnation);
  });

  test.each([
    ["of nothing", { leaseMs: 0 }, "above zero"],
    ["of weeks", { leaseMs: 2 ** 31 }, "above the most"],
  ])(
    "an Ack that brings a lease %s ends the connection with the reason; what was granted stays",
    async (_what, policy, text) => {
      await leased();
      coordinator.wirePolicy = policy;
      coordinator.epoch = 2n;
      await waitFor("the reason", () =>
        said.some((line) => line.includes("lease policy is unsafe") && line.includes(text)),
      );
      expect(journal.state.membership).toMatchObject({ epoch: 1, policy: { leaseMs: coordinator.policy.leaseMs } });
      expect(guard.deadlineMs).toBeLessThanOrEqual(clock.nowMs() + coordinator.policy.leaseMs);
      coordinator.wirePolicy = {};
      await waitFor("the new epoch", () => journal.state.membership?.epoch === 2);
    },
  );

  test("asks the voters that its journal has once the coordinator is silent, and tells where it is asked", async () => {
    const other = testId();
    coordinator.votersFor = () => [
      { nodeId: TEST_NODE_ID, nodeName: "node-1", peerAddress: peers.plane(TEST_NODE_ID).address },
      { nodeId: other, nodeName: "node-2", peerAddress: "node-2:7446" },
    ];
    coordinator.epoch = 2n;
    let isWithoutLease = true;
    peers.plane(other).serve(({ incarnation, askedMs }) => ({
      ...{ voterNodeId: other, incarnation, askedMs, reason: "", membershipEpoch: 2 },
      withoutLease: isWithoutLease,
    }));
    await waitFor("the group journalled", () => journal.state.membership?.epoch === 2);
    await leased();
    expect(coordinator.heard.hellos[0]?.peerAddress).toBe(`${TEST_NODE_ID}:7446`);
    coordinator.acking = false;
    const { leaseMs, killMs } = coordinator.policy;
    const silentMs = clock.nowMs();
    await waitFor("two leases", () => clock.nowMs() > silentMs + 2 * leaseMs);
    expect(enforced).toBe(0);
    expect(guard.deadlineMs).toBeGreaterThan(clock.nowMs());
    expect(agent.voteCounts.asked?.votes).toBeGreaterThan(5);
    expect(coordinator.heard.heartbeats.at(-1)).toMatchObject({ remainingMs: 0, membershipEpoch: 2n });
    isWithoutLease = false;
    const endMs = clock.nowMs() + coordinator.policy.voteMs;
    await waitFor("its end", () => enforced > 0);
    expect(clock.nowMs()).toBeLessThan(endMs + killMs);
  });

  test("a missing acknowledgement does not hold back the next heartbeat; without any the lease runs out", async () => {
    await leased();
    coordinator.acking = false;
    const beats = coordinator.heard.heartbeats.length;
    await waitFor("heartbeats without acks", () => coordinator.heard.heartbeats.length > beats + 4);
    await waitFor("no lease", () => coordinator.heard.heartbeats.at(-1)?.remainingMs === 0);
    await waitFor("the agent enforces its deadline", () => enforced > 0);
    const spec = testSpec({ ha: true });
    expect(await run(testCommand(spec.containerId, { case: "start", value: { spec } }))).toMatchObject({
      errorCode: "no_lease",
    });
  });

  test("an agent whose guard does not answer takes no lease", async () => {
    await leased();
    guard.answering = false;
    await waitFor("unguarded, without lease", () => {
      const beat = coordinator.heard.heartbeats.at(-1);
      return beat?.guarded === false && beat.remainingMs === 0;
    });
  });

  test("a guard that answers only later keeps the agent from commands no longer than that", async () => {
    await leased();
    await attached();
    coordinator.wirePolicy = { unfenced: true };
    coordinator.epoch = 2n;
    await waitFor("nothing fenced", () => guard.deadlineMs === null);
    const { port } = coordinator;
    await coordinator.stop();
    coordinator.heard.messages.length = 0;
    // It connects to a coordinator whose group is fenced again, and the guard cannot be given the first deadline.
    guard.answering = false;
    coordinator.wirePolicy = {};
    coordinator.epoch = 3n;
    await coordinator.listen(port);
    await waitFor("the complaint", () =>
      said.some((line) => line.includes("the guard did not take the first deadline")),
    );
    guard.answering = true;
    await attached();
    expect(coordinator.heard.hellos).toHaveLength(2);
  });

  test("a lost connection is made again and results that were not acknowledged come again", async () => {
    await attached();
    const spec = testSpec();
    const command = testCommand(spec.containerId, { case: "start", value: { spec } });
    await run(command);
    const { port } = coordinator;
    await coordinator.stop();
    coordinator.heard.messages.length = 0;
    await coordinator.listen(port);
    await attached();
    expect(inventories()[0]?.value).toMatchObject({ session: 1n, workloads: [{ containerId: spec.containerId }] });
    await waitFor("the result again", () => coordinator.resultOf(command.commandId));
    // The inventory is of later than the result, and must not be overruled by it.
    const kinds = coordinator.heard.messages.map((message) => message.case);
    expect(kinds.indexOf("result")).toBeLessThan(kinds.indexOf("inventory"));
    coordinator.send({
      case: "resultAck",
      value: { $typeName: "lormas.agent.v1.ResultAck", commandId: command.commandId },
    });
    await waitFor("it forgotten", () => journal.state.results.get(command.commandId)?.acked);
    coordinator.commandStreams.at(-1)?.end();
    await attached(2);
    expect(coordinator.results.filter((result) => result.commandId === command.commandId)).toHaveLength(1);
  });

  test("results outlive the agent, and a command that it had obeyed before its restart has no second effect", async () => {
    await attached();
    const spec = testSpec();
    const start = testCommand(spec.containerId, { case: "start", value: { spec } });
    const first = await run(start);
    const refused = testCommand(spec.containerId, { case: "start", value: { spec } }, { session: 7n });
    expect(await run(refused)).toMatchObject({ ok: false, errorCode: "stale_session" });
    await endAgent();
    coordinator.heard.messages.length = 0;
    await startAgent();
    await attached();
    // Nobody acknowledged them: both come again by themselves.
    await waitFor("the results again", () => coordinator.resultOf(refused.commandId));
    const again = await waitFor("the results again", () => coordinator.resultOf(start.commandId));
    expect(again).toEqual(first);
    coordinator.heard.messages.length = 0;
    // It has crashed since, so a second effect would be seen.
    runtime.crash(spec.containerId, 1);
    expect(await run(start)).toEqual(first);
    expect(runtime.calls.filter((call) => call.startsWith("start"))).toHaveLength(1);
    expect((await runtime.inspect(spec.containerId))?.state).toBe("exited");
  });

  test("a new session removes every container of the old one, keeps volumes and is confirmed after that", async () => {
    await attached();
    const spec = testSpec({ volumes: [create(VolumeMountSchema, { name: "data", path: "/data", kind: "local" })] });
    await run(testCommand(spec.containerId, { case: "start", value: { spec } }));
    runtime.engineUp = false;
    coordinator.session = 2n;
    coordinator.heard.messages.length = 0;
    await waitFor("a Hello of the old session", () => coordinator.heard.hellos.length === 2);
    const beats = coordinator.heard.heartbeats.length;
    // The engine is down, so nothing could be removed: the new session is not confirmed, what it acknowledges extends no lease
    // (the old one runs out), and nothing is attached.
    const last = () => coordinator.heard.heartbeats.at(-1);
    await waitFor(
      "the old lease's end",
      () => coordinator.heard.heartbeats.length > beats + 2 && last()?.remainingMs === 0,
    );
    expect(last()).toMatchObject({ session: 1n, remainingMs: 0 });
    expect(inventories()).toHaveLength(0);
    runtime.engineUp = true;
    await attached();
    expect(inventories()[0]?.value).toMatchObject({ session: 2n, workloads: [] });
    expect(runtime.volumes.has(spec.containerId)).toBe(true);
    await waitFor("the new session confirmed", () => coordinator.heard.heartbeats.at(-1)?.session === 2n);
    expect(await run(testCommand(spec.containerId, { case: "start", value: { spec } }))).toMatchObject({
      errorCode: "stale_session",
    });
  });

  test("a leader of a lower term is not obeyed", async () => {
    coordinator.term = 5n;
    await coordinator.stop();
    await coordinator.listen(coordinator.port);
    await waitFor("the term journalled", () => journal.state.term === 5n);
    coordinator.term = 4n;
    const hellos = coordinator.heard.hellos.length;
    await waitFor("the agent dials again and again", () => coordinator.heard.hellos.length > hellos + 2);
    expect(journal.state.term).toBe(5n);
    const spec = testSpec();
    expect(runtime.calls).not.toContain(`start ${spec.containerId} 1`);
  });

  test("a goodbye closes the session for good; a coordinator that missed it hears it again", async () => {
    await attached();
    await agent.stop("maintenance");
    await running;
    expect(coordinator.heard.messages.at(-1)).toMatchObject({
      case: "goodbye",
      value: { session: 1n, reason: "maintenance" },
    });
    await journal.close();
    coordinator.heard.messages.length = 0;
    await startAgent();
    await waitFor("the goodbye again", () =>
      coordinator.heard.messages.some((message) => message.case === "goodbye" && message.value.session === 1n),
    );
    expect(coordinator.heard.heartbeats.at(-1)?.remainingMs).toBe(0);
    coordinator.session = 2n;
    await waitFor("the next session", () => journal.state.session === 2n);
    await leased();
  });

  test("a goodbye waits for a command stream that is being dialled anew", async () => {
    await attached();
    coordinator.commandStreams.at(-1)?.end();
    await waitFor("the end of the stream", () => said.some((line) => line.includes("command stream ended")));
    await agent.stop("maintenance");
    expect(coordinator.heard.messages.filter(({ case: of }) => of === "goodbye")).toMatchObject([
      { value: { session: 1n, reason: "maintenance" } },
    ]);
  });

  test("a goodbye that broke off with its connection is said again on the next one", async () => {
    await attached();
    coordinator.onGoodbye = () => {
      coordinator.onGoodbye = () => undefined;
      coordinator.cut();
    };
    await agent.stop("maintenance");
    const reasons = coordinator.heard.messages.map(({ case: of, value }) => of === "goodbye" && value.reason);
    expect(reasons.filter(Boolean)).toEqual(["maintenance", "maintenance"]);
    expect(said.join()).not.toContain("heard the goodbye");
  });

  test("an agent that leaves takes up no new session: the coordinator that gives one has heard of the end", async () => {
    await attached();
    coordinator.onGoodbye = () => {
      coordinator.session = 2n;
      coordinator.cut();
    };
    await agent.stop("maintenance");
    await running;
    expect(journal.state).toMatchObject({ session: 1n, closedSession: 1n });
    expect(said.join()).not.toContain("heard the goodbye");
  });

  test("an agent that no coordinator hears leaves all the same, and says what that means", async () => {
    await attached();
    await coordinator.stop();
    await agent.stop("maintenance");
    await running;
    expect(journal.state.closedSession).toBe(1n);
    expect(said.join()).toContain("no coordinator has heard the goodbye");
  });

  test("carries logs up, tail first and then what follows, until they are closed", async () => {
    await attached();
    const spec = testSpec();
    await run(testCommand(spec.containerId, { case: "start", value: { spec } }));
    const logId = testId();
    const { containerId } = spec;
    coordinator.send({
      case: "openLogs",
      value: {
        $typeName: "lormas.agent.v1.OpenLogs",
        logId,
        containerId,
        tailLines: 10,
        follow: true,
        terminal: false,
      },
    });
    const lines = () => coordinator.heard.logs.flatMap((message) => message.lines.map((line) => line.text));
    await waitFor("the tail", () => lines().includes("started"));
    expect(coordinator.heard.logs[0]).toMatchObject({ logId });
    runtime.write(containerId, "later");
    await waitFor("what follows", () => lines().includes("later"));
    coordinator.send({ case: "closeLogs", value: { $typeName: "lormas.agent.v1.CloseLogs", logId } });
    const absent = testId();
    coordinator.send({
      case: "openLogs",
      value: {
        $typeName: "lormas.agent.v1.OpenLogs",
        logId: absent,
        containerId: absent,
        tailLines: 10,
        follow: false,
        terminal: false,
      },
    });
    const terminal = testId();
    coordinator.send({
      case: "openLogs",
      value: {
        ...{ $typeName: "lormas.agent.v1.OpenLogs", logId: terminal, containerId },
        ...{ tailLines: 0, follow: true, terminal: true },
      },
    });
    await waitFor("the reason why a terminal is not to be had", () =>
      coordinator.heard.logs.some(({ logId: of, errorCode }) => of === terminal && errorCode === "no_terminal"),
    );
    await waitFor("an error for a container that is not here", () =>
      coordinator.heard.logs.some((message) => message.error.includes("not on this node")),
    );
  });

  test("an invalid command is refused by name and reaches no runtime", async () => {
    await attached();
    const command = testCommand("../../etc", { case: "stop", value: { graceMs: 0 } });
    expect(await run(command)).toMatchObject({ ok: false, errorCode: "refused" });
    expect(runtime.calls).toEqual([]);
  });

  test("a certificate is renewed at two thirds of its life, without dropping the lease", async () => {
    await leased();
    coordinator.certificateLifeMs = 2_000;
    credentials = { ...credentials, certificatePem: await shortLived() };
    const end = new AbortController();
    const keeping = keepCertificateFresh({
      store: new CredentialFiles(dataDir),
      credentials: () => credentials,
      renewed: (fresh) => {
        credentials = fresh;
      },
      client: () => agent.client,
      timers: systemTimers,
      wall: wallClock,
      random: Math.random,
      wish: new RenewalWish(bootClock(), Math.random),
      log,
      signal: end.signal,
    });
    coordinator.certificateLifeMs = 3_600_000;
    const before = credentials.certificatePem;
    await waitFor("the renewal", () => credentials.certificatePem !== before);
    end.abort();
    await keeping;
    expect(coordinator.heard.hellos).toHaveLength(1);
    expect(coordinator.heard.heartbeats.at(-1)?.remainingMs).toBeGreaterThan(0);
    const { port } = coordinator;
    await coordinator.stop();
    await coordinator.listen(port);
    await waitFor("a dial with the new certificate", () => new Set(coordinator.heard.serials).size === 2);
  });
});

async function shortLived(): Promise<string> {
  const { certificateRequest } = await import("../session/certificate-request.ts");
  return coordinator.issueNode(await certificateRequest("node-1", credentials.keyPem));
}
