import { randomUUID } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { lifeState } from "../domain/container/container-status.ts";
import type { Refusal } from "../domain/refusal.ts";
import type { AgentHello, ServingTerms } from "./agent-intake.ts";
import type { OutboundCommand } from "./agent-link.ts";
import { WAITING_MAX } from "./decision-loop.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

let rig: FleetRig;
afterEach(() => rig.close());

const node = (id: string) => rig.agents.nodes.get(id) ?? expect.fail(`no agent ${id}`);
const home = (id: string) => rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId ?? "";
const life = (id: string) => {
  const container = rig.runtime().state.container(id);
  return container && lifeState(container.snapshot);
};
const pendingOf = (nodeId: string) =>
  rig
    .runtime()
    .state.pendingOf(nodeId)
    .map(({ command }) => command);
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Refusal) => error.code,
  );
const intake = () => rig.runtime().intake;

async function create(change = {}): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web", change), "test");
  await rig.settle();
  return containerId;
}

const swallowed = (kind: string): OutboundCommand[] => {
  const commands: OutboundCommand[] = [];
  rig.agents.swallowing = (_, command) => {
    if (command.action.kind !== kind) return false;
    commands.push(command);
    return true;
  };
  return commands;
};

test("what nobody knows on a node is removed, its volumes stay", async () => {
  rig = await fleetRig(1);
  const [nodeId = ""] = rig.nodeIds;
  const orphan = randomUUID();
  node(nodeId).running.set(orphan, { epoch: 4, session: 1 });
  const removals = swallowed("remove");
  await rig.agents.connect(nodeId);
  const [removal] = removals;
  expect(removal).toMatchObject({ containerId: orphan, epoch: 4, action: { kind: "remove", removeVolumes: false } });
});

test("an orphan that is still there at the next attach is asked for once, and again after a failure", async () => {
  rig = await fleetRig(1);
  const [nodeId = ""] = rig.nodeIds;
  const orphan = randomUUID();
  node(nodeId).running.set(orphan, { epoch: 4, session: 1 });
  rig.agents.swallowing = () => true;
  await rig.agents.connect(nodeId);
  await rig.agents.connect(nodeId);
  const [first, ...others] = pendingOf(nodeId);
  expect(others).toEqual([]);
  rig.agents.swallowing = () => false;
  rig.agents.failing = () => ({ code: "runtime_error", message: "the disk does not answer" });
  await rig.agents.connect(nodeId);
  await rig.settle();
  expect(pendingOf(nodeId)).toEqual([]);
  rig.agents.failing = () => null;
  await rig.pass(300);
  await rig.agents.connect(nodeId);
  await rig.settle();
  expect(node(nodeId).running.has(orphan)).toBe(false);
  expect(first?.commandId).toBeDefined();
});

test("the inventory of a session that has ended changes nothing", async () => {
  rig = await fleetRig(1);
  const id = await create();
  const { incarnation, session } = node(home(id));
  const before = rig.runtime().newestSequence();
  await intake().inventory(home(id), incarnation, session - 1, []);
  expect(rig.runtime().newestSequence()).toBe(before);
  expect(life(id)).toBe("running");
  await intake().inventory(home(id), incarnation, session, []);
  expect(life(id)).toBe("backoff");
});

test("a result that is said twice counts once", async () => {
  rig = await fleetRig(1);
  const starts = swallowed("start");
  const id = await create();
  const [start] = starts;
  const failure = {
    commandId: start?.commandId ?? "",
    ok: false,
    errorCode: "start_failed",
    errorMessage: "",
    status: null,
    tookMs: 1,
  };
  await intake().commandResult(home(id), node(home(id)).incarnation, failure);
  const after = rig.runtime().newestSequence();
  await intake().commandResult(home(id), node(home(id)).incarnation, failure);
  await intake().commandResult(home(id), node(home(id)).incarnation, { ...failure, ok: true });
  expect(rig.runtime().newestSequence()).toBe(after);
  expect(rig.runtime().state.container(id)?.snapshot.context.restarts).toBe(1);
  expect(life(id)).toBe("backoff");
});

test("a node's result for another node's command changes nothing", async () => {
  rig = await fleetRig(2);
  const starts = swallowed("start");
  const id = await create();
  const other = rig.nodeIds.find((nodeId) => nodeId !== home(id)) ?? "";
  const result = {
    commandId: starts[0]?.commandId ?? "",
    ok: true,
    errorCode: "",
    errorMessage: "",
    status: null,
    tookMs: 1,
  };
  await intake().commandResult(other, node(other).incarnation, result);
  expect(life(id)).toBe("starting");
  await intake().commandResult(home(id), node(home(id)).incarnation, result);
  expect(life(id)).toBe("running");
});

test("another run of an agent than the one that is served is refused whatever it says", async () => {
  rig = await fleetRig(1);
  const id = await create();
  const nodeId = home(id);
  const old = node(nodeId).incarnation;
  await rig.agents.connect(nodeId);
  const { session } = node(nodeId);
  expect(await refusal(intake().attach(nodeId, old, session))).toBe("busy");
  expect(await refusal(intake().inventory(nodeId, old, session, []))).toBe("busy");
  expect(await refusal(intake().goodbye(nodeId, old, session))).toBe("busy");
  expect(intake().heartbeat(nodeId, old, beat(100n))).toBeNull();
  expect(await refusal(intake().attach(nodeId, node(nodeId).incarnation, session + 1))).toBe("busy");
});

test("a container that ended while its agent was not heard is not shown running on the word of an old result", async () => {
  rig = await fleetRig(1);
  const starts = swallowed("start");
  const id = await create();
  const nodeId = home(id);
  rig.agents.swallowing = () => false;
  const { incarnation, session } = node(nodeId);
  const exited = { containerId: id, epoch: 1, session, state: "exited" as const, exitCode: 1, detail: "exit code 1" };
  await intake().inventory(nodeId, incarnation, session, [exited]);
  await intake().commandResult(nodeId, incarnation, {
    commandId: starts[0]?.commandId ?? "",
    ok: true,
    errorCode: "",
    errorMessage: "",
    status: null,
    tookMs: 1,
  });
  expect(life(id)).toBe("backoff");
});

test("a copy whose restart was cut short counts as crashed, though its epoch is the one that ran", async () => {
  rig = await fleetRig(1);
  const id = await create();
  expect(life(id)).toBe("running");
  const nodeId = home(id);
  const { incarnation, session } = node(nodeId);
  const created = { containerId: id, epoch: 1, session, state: "created" as const, exitCode: null, detail: "" };
  await intake().inventory(nodeId, incarnation, session, [created]);
  expect(life(id)).toBe("backoff");
  expect(rig.runtime().state.container(id)?.snapshot.context.reason).toBe("the process is created and not started");
});

test("a node whose guard comes back takes the containers that waited for one", async () => {
  rig = await fleetRig(1);
  const [nodeId = ""] = rig.nodeIds;
  const { incarnation } = node(nodeId);
  const { sequence } = node(nodeId);
  intake().heartbeat(nodeId, incarnation, { ...beat(sequence + 1n), guarded: false });
  await rig.settle();
  const id = await create();
  expect(life(id)).toBe("unplaced");
  node(nodeId).sequence = sequence + 1n;
  rig.agents.beat(nodeId);
  await rig.settle();
  expect(life(id)).toBe("running");
});

test("a node that beats without measure, and each time of a change, leaves room for other decisions", async () => {
  rig = await fleetRig(1);
  const [nodeId = ""] = rig.nodeIds;
  const { incarnation, sequence } = node(nodeId);
  for (let n = 1; n <= WAITING_MAX + 1; n++) {
    intake().heartbeat(nodeId, incarnation, { ...beat(sequence + BigInt(n)), guarded: false });
  }
  await expect(create()).resolves.toEqual(expect.any(String));
});

test("a node that says hello with more room takes the containers that waited for it", async () => {
  rig = await fleetRig(1);
  const [nodeId = ""] = rig.nodeIds;
  const id = await create({ resources: { cpuMillis: 3_000, memoryBytes: 1, diskBytes: 0 } });
  expect(life(id)).toBe("unplaced");
  const capacity = { cpuMillis: 4_000, memoryBytes: 2_000_000_000, diskBytes: 10_000_000_000 };
  await rig.agents.connect(nodeId, { capacity });
  await rig.settle();
  expect(life(id)).toBe("running");
});

test("a hello that is decided together with the node's death is served", async () => {
  rig = await fleetRig(2);
  const [nodeId = ""] = rig.nodeIds;
  const overMs = (node(nodeId).lease.grantedFromMs ?? 0) + 6_632;
  rig.agents.powerOff(nodeId);
  await rig.pass(6_300);
  const hello: AgentHello = { ...HELLO, incarnation: randomUUID() };
  let welcomed: Promise<ServingTerms> | null = null as Promise<ServingTerms> | null;
  // In the turn in which W ends, and behind it: both are in one transaction.
  rig.clock.schedule(overMs - rig.clock.bootMs(), () => {});
  const settle = async () => {
    if (!welcomed && rig.clock.bootMs() >= overMs) welcomed = intake().hello(nodeId, hello);
    await rig.settle();
  };
  await rig.clock.advance(100, settle);
  const terms = await welcomed;
  expect(terms).toMatchObject({ session: 2 });
  expect(rig.runtime().state.node(nodeId)?.snapshot.value).toBe("rejoining");
  await expect(intake().attach(nodeId, hello.incarnation, 2)).resolves.toEqual({ term: 1 });
  const membershipEpoch = terms?.membership.epoch ?? 0;
  expect(intake().heartbeat(nodeId, hello.incarnation, { ...beat(1n), membershipEpoch })).not.toBeNull();
});

const HELLO: AgentHello = {
  incarnation: "",
  agentVersion: "0.1.0",
  session: 1,
  address: "127.0.1.1",
  runtime: "exec",
  capacity: { cpuMillis: 2_000, memoryBytes: 2_000_000_000, diskBytes: 10_000_000_000 },
  architecture: "amd64",
  platform: "test",
  portPoolMin: 20_000,
  portPoolMax: 20_100,
  guarded: true,
  peerAddress: "",
};

const beat = (sequence: bigint) => ({
  sequence,
  session: 1,
  usage: { cpuMillis: 1, memoryBytes: 1, diskBytes: 1 },
  heldForMs: 0,
  remainingMs: 0,
  lastAckSeen: sequence - 1n,
  guarded: true,
  runtimeReady: true,
  membershipEpoch: 1,
  elapsedMs: 0,
});
