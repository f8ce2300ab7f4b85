import { create } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { type CommandsRequest, CommandsRequestSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { WorkloadState } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { afterEach, expect, test } from "vitest";
import type { OutboundCommand } from "../runtime/agent-link.ts";
import { PlaneRig } from "./plane-rig.ts";
import { RETRY_AFTER_HEADER } from "./rpc-status.ts";
import {
  attachMessage,
  eventually,
  heartbeatMessage,
  helloMessage,
  resultMessage,
  type TestAgent,
  testUuid,
} from "./test-agent.ts";

let rig: PlaneRig;
afterEach(async () => rig.stop());

async function served(agent: TestAgent, incarnation = testUuid()) {
  const heartbeats = agent.heartbeat();
  heartbeats.stream.write(helloMessage(incarnation));
  await eventually("a Welcome", () => heartbeats.log.messages.length === 1);
  return { incarnation, heartbeats };
}

async function attached(agent: TestAgent, incarnation: string) {
  const commands = agent.commands();
  commands.stream.write(attachMessage(incarnation));
  await eventually("Attached", () => commands.log.messages.length >= 1);
  return commands;
}

const stopCommand = (commandId = testUuid()): OutboundCommand => ({
  ...{ commandId, term: 1, session: 1, containerId: testUuid(), epoch: 1, timeoutMs: 1_000, requestId: "" },
  action: { kind: "stop", graceMs: 0 },
});

const reportMessage = (sequence: number): CommandsRequest =>
  create(CommandsRequestSchema, {
    message: {
      case: "report",
      value: {
        sequence: BigInt(sequence),
        status: { containerId: testUuid(), epoch: BigInt(sequence), state: WorkloadState.RUNNING },
      },
    },
  });

/** A database that commits only when told. */
function gate() {
  const waiting: (() => void)[] = [];
  let opened = false;
  return {
    commits: () => (opened ? Promise.resolve() : new Promise<void>((resolve) => waiting.push(resolve))),
    waiting,
    open() {
      opened = true;
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
}

test("a stream that does not begin with Hello or Attach is ended", async () => {
  rig = await PlaneRig.start();
  const { agent } = await rig.enrolledAgent();
  const heartbeats = agent.heartbeat();
  heartbeats.stream.write(heartbeatMessage(1));
  const commands = agent.commands();
  commands.stream.write(resultMessage(testUuid()));
  await eventually("both ends", () => heartbeats.log.end !== null && commands.log.end !== null);
  expect([heartbeats.log.end?.code, commands.log.end?.code]).toEqual([9, 9]);
  const { heartbeats: again, incarnation } = await served(agent);
  again.stream.write(helloMessage(incarnation));
  await eventually("the end", () => again.log.end !== null);
  expect(again.log.end).toMatchObject({ code: status.FAILED_PRECONDITION });
  expect(rig.plane.counters.values.protocol_violations).toBe(3);
});

test("a stream that says nothing is ended after its time", async () => {
  rig = await PlaneRig.start({ firstMessageMs: 50 });
  const { agent } = await rig.enrolledAgent();
  const silent = [agent.heartbeat().log, agent.commands().log];
  const pushed = agent.pushLogs().answer.catch((error: { code: number }) => error.code);
  await eventually("both ends", () => silent.every((log) => log.end !== null));
  expect(silent.map((log) => log.end?.code)).toEqual([4, 4]);
  expect(await pushed).toBe(status.DEADLINE_EXCEEDED);
});

test("a message that breaks its proto's rules is refused with the field", async () => {
  rig = await PlaneRig.start();
  const { agent } = await rig.enrolledAgent();
  const bad = agent.heartbeat();
  bad.stream.write(helloMessage("no uuid"));
  await eventually("the end", () => bad.log.end !== null);
  expect(bad.log.end).toMatchObject({ code: status.INVALID_ARGUMENT });
  expect(bad.log.end?.details).toContain("incarnation");
  expect(rig.intake.records).toEqual([]);
});

test("a message above 4 MiB ends its stream, and the other streams of the connection live on", async () => {
  rig = await PlaneRig.start();
  const { agent } = await rig.enrolledAgent();
  const { heartbeats, incarnation } = await served(agent);
  const commands = await attached(agent, incarnation);
  const workloads = Array.from({ length: 5 }, () => ({ containerId: testUuid(), detail: "x".repeat(1 << 20) }));
  commands.stream.write(create(CommandsRequestSchema, { message: { case: "inventory", value: { workloads } } }));
  await eventually("the end", () => commands.log.end !== null);
  expect(commands.log.end).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  heartbeats.stream.write(heartbeatMessage(1));
  await eventually("an Ack", () => heartbeats.log.messages.length === 2);
  // A heartbeat stream has a bound of its own, far below.
  const fat = agent.heartbeat();
  const hello = helloMessage(testUuid());
  if (hello.message.case === "hello") hello.message.value.platform = "x".repeat(20_000);
  fat.stream.write(hello);
  await eventually("the end", () => fat.log.end !== null);
  expect(fat.log.end).toMatchObject({ code: status.INTERNAL });
});

test("a newer stream of the served incarnation takes the older one's place", async () => {
  rig = await PlaneRig.start();
  const { agent, identity, nodeId } = await rig.enrolledAgent();
  const { heartbeats: older, incarnation } = await served(agent);
  const olderCommands = await attached(agent, incarnation);
  const again = rig.agent(identity);
  const { heartbeats: newer } = await served(again, incarnation);
  await eventually("the older stream's end", () => older.log.end !== null);
  expect(older.log.end).toMatchObject({ code: status.ABORTED });
  expect(olderCommands.log.end).toBeNull();
  const newerCommands = await attached(again, incarnation);
  await eventually("the older command stream's end", () => olderCommands.log.end !== null);
  const command = stopCommand();
  expect(rig.plane.link.sendCommand(nodeId, command)).toBe(true);
  await eventually("the Command", () => newerCommands.log.messages.length === 2);
  newer.stream.write(heartbeatMessage(1));
  await eventually("an Ack", () => newer.log.messages.length === 2);
  expect(rig.plane.gauges()).toMatchObject({ heartbeat: 1, commands: 1 });
});

test("another incarnation's streams are ended when the intake has accepted a Hello, not before", async () => {
  rig = await PlaneRig.start();
  const { agent, identity } = await rig.enrolledAgent();
  const { heartbeats: old, incarnation } = await served(agent);
  const oldCommands = await attached(agent, incarnation);
  const database = gate();
  rig.intake.commits = database.commits;
  const restarted = rig.agent(identity).heartbeat();
  restarted.stream.write(helloMessage(testUuid()));
  await eventually("the Hello is being decided", () => database.waiting.length === 1);
  old.stream.write(heartbeatMessage(1));
  await eventually("an Ack", () => old.log.messages.length === 2);
  database.open();
  await eventually("the old streams' ends", () => old.log.end !== null && oldCommands.log.end !== null);
  expect(restarted.log.end).toBeNull();
  const late = agent.commands();
  late.stream.write(attachMessage(incarnation));
  await eventually("the late Attach's end", () => late.log.end !== null);
});

test("a backlog of results does not delay heartbeats, and is handed on in order, one at a time", async () => {
  rig = await PlaneRig.start();
  const { agent } = await rig.enrolledAgent();
  const { heartbeats, incarnation } = await served(agent);
  const commands = await attached(agent, incarnation);
  const database = gate();
  rig.intake.commits = database.commits;
  const ids = Array.from({ length: 300 }, () => testUuid());
  for (const id of ids) commands.stream.write(resultMessage(id));
  await eventually("the first result is being decided", () => database.waiting.length === 1);
  for (let sequence = 1; sequence <= 50; sequence++) heartbeats.stream.write(heartbeatMessage(sequence));
  await eventually("50 Acks", () => heartbeats.log.messages.length === 51);
  // Nothing is acknowledged before the commit.
  expect(commands.log.messages).toHaveLength(1);
  expect(database.waiting).toHaveLength(1);
  database.open();
  await eventually("300 ResultAcks", () => commands.log.messages.length === 301);
  const acked = commands.log.messages
    .slice(1)
    .map((one) => one.message.case === "resultAck" && one.message.value.commandId);
  expect(acked).toEqual(ids);
  expect(rig.intake.underWayMost).toBe(1);
});

test("a full inbox stops the reading, not the node, and nothing is lost", async () => {
  rig = await PlaneRig.start({ inboxMax: 10 });
  const { agent } = await rig.enrolledAgent();
  const { incarnation } = await served(agent);
  const commands = await attached(agent, incarnation);
  const database = gate();
  rig.intake.commits = database.commits;
  // More than inbox, stream buffers and HTTP/2 window hold together, so that the agent's own writes come to a halt.
  const detail = "x".repeat(1_000);
  let written = 0;
  for (let sequence = 1; sequence <= 3_000; sequence++) {
    const message = reportMessage(sequence);
    if (message.message.case === "report" && message.message.value.status) message.message.value.status.detail = detail;
    commands.stream.write(message, () => {
      written += 1;
    });
  }
  await eventually("the inbox is being decided", () => database.waiting.length === 1);
  let [seen, looks] = [0, 0];
  await eventually("the agent's writes stand still", () => {
    looks = written === seen ? looks + 1 : 0;
    seen = written;
    return written > 0 && looks > 100;
  });
  expect(written).toBeLessThan(3_000);
  database.open();
  await eventually("all reports", () => rig.intake.records.length === 3_002, 15_000);
  const reports = rig.intake.records.flatMap((record) => (record.kind === "report" ? [record.observed.epoch] : []));
  expect(reports).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1));
  expect(rig.intake.underWayMost).toBe(1);
});

test("commands that the runtime sends while an Attach is decided follow the Attached message", async () => {
  rig = await PlaneRig.start();
  const { agent, nodeId } = await rig.enrolledAgent();
  const { incarnation } = await served(agent);
  const sent: boolean[] = [];
  rig.intake.onAttached = (id) => sent.push(rig.plane.link.sendCommand(id, stopCommand()));
  expect(rig.plane.link.sendCommand(nodeId, stopCommand())).toBe(false);
  const commands = await attached(agent, incarnation);
  await eventually("the Command", () => commands.log.messages.length === 2);
  expect(sent).toEqual([true]);
  expect(commands.log.messages.map((one) => one.message.case)).toEqual(["attached", "command"]);
});

test("an agent that reads no commands leaves them in the outbox, and a cut ends even its stream", async () => {
  // As many as a stream of objects takes before it says that it is full; of fewer nobody is told when they have gone.
  rig = await PlaneRig.start({ commandsBufferedMax: 16 });
  const { agent, nodeId } = await rig.enrolledAgent();
  const { incarnation } = await served(agent);
  const commands = await attached(agent, incarnation);
  commands.stream.pause();
  const startBig: OutboundCommand = {
    ...stopCommand(),
    action: {
      kind: "start",
      workload: {
        ...{ containerName: "web", ha: true, ports: [], cpuMillis: 1, memoryBytes: 1, diskBytes: 1 },
        spec: {
          ...{ image: "web", startup: {}, env: { BIG: "x".repeat(100_000) }, ports: [], volumes: [] },
          ...{ stop: { signal: "SIGTERM", graceMs: 0 }, health: null, startBudgetMs: 1_000 },
        },
      },
    },
  };
  const roomy: string[] = [];
  rig.plane.link.onRoom((id) => roomy.push(id));
  let sent = 0;
  await eventually("a full buffer", () => {
    const took = rig.plane.link.sendCommand(nodeId, { ...startBig, commandId: testUuid() });
    if (took) sent += 1;
    return !took;
  });
  expect(sent).toBeGreaterThanOrEqual(16);
  expect(roomy).toEqual([]);
  commands.stream.resume();
  await eventually("room", () => roomy.length > 0);
  expect(roomy).toEqual([nodeId]);
  expect(rig.plane.link.sendCommand(nodeId, stopCommand())).toBe(true);
  commands.stream.pause();
  rig.plane.link.disconnect(nodeId, "for the test");
  await eventually("the streams are gone", () => rig.plane.gauges().commands === 0);
});

test("an agent that reads no acknowledgements loses its stream, and memory stays bounded", async () => {
  rig = await PlaneRig.start({ acksBufferedMax: 4 });
  const { agent } = await rig.enrolledAgent();
  const { heartbeats } = await served(agent);
  heartbeats.stream.pause();
  let sequence = 0;
  const values = rig.plane.counters.values;
  // What HTTP/2 itself holds back is filled first, one handful of heartbeats after the other.
  await eventually(
    "the stream is gone",
    () => {
      if (values.heartbeats_acked === sequence) {
        for (let i = 0; i < 200; i++) heartbeats.stream.write(heartbeatMessage(++sequence));
      }
      return values.streams_slow === 1;
    },
    15_000,
  );
  expect(values.heartbeats_acked).toBeLessThan(sequence);
  await eventually("it is forgotten", () => rig.plane.gauges().heartbeat === 0);
});

test("a refusal of the intake ends the stream with UNAVAILABLE and says when to dial again", async () => {
  rig = await PlaneRig.start();
  const { agent } = await rig.enrolledAgent();
  const { heartbeats, incarnation } = await served(agent);
  const commands = await attached(agent, incarnation);
  rig.intake.leading = false;
  heartbeats.stream.write(heartbeatMessage(1));
  const ids = [testUuid(), testUuid()];
  for (const id of ids) commands.stream.write(resultMessage(id));
  await eventually("the end", () => commands.log.end !== null);
  expect(commands.log.end).toMatchObject({ code: status.UNAVAILABLE });
  expect(commands.log.end?.error?.metadata.get(RETRY_AFTER_HEADER)).toEqual(["250"]);
  expect(commands.log.messages).toHaveLength(1);
  const refused = agent.heartbeat();
  refused.stream.write(helloMessage(testUuid()));
  await eventually("the end", () => refused.log.end !== null);
  expect(refused.log.end).toMatchObject({ code: status.UNAVAILABLE });
  expect(heartbeats.log).toMatchObject({ messages: { length: 1 }, end: null });
  await eventually("the unanswered heartbeat is counted", () => rig.plane.counters.values.heartbeats_unacked === 1);
});

test("a goodbye that is followed by the end of the stream is taken, and the end is answered after it", async () => {
  rig = await PlaneRig.start();
  const { agent } = await rig.enrolledAgent();
  const { incarnation } = await served(agent);
  const commands = await attached(agent, incarnation);
  const database = gate();
  rig.intake.commits = database.commits;
  commands.stream.write(resultMessage(testUuid()));
  commands.stream.write(create(CommandsRequestSchema, { message: { case: "goodbye", value: { session: 1n } } }));
  commands.stream.end();
  await eventually("the result is being decided", () => database.waiting.length === 1);
  expect(commands.log.end).toBeNull();
  database.open();
  await eventually("the end", () => commands.log.end !== null);
  expect(commands.log.end).toMatchObject({ code: 0 });
  expect(rig.intake.records.map((record) => record.kind)).toEqual(["hello", "attach", "result", "goodbye"]);
});

test("a bug behind the intake is logged, and the agent is not told its text", async () => {
  rig = await PlaneRig.start();
  const { agent } = await rig.enrolledAgent();
  rig.intake.commits = () => Promise.reject(new TypeError("secret detail"));
  const { stream, log } = agent.heartbeat();
  stream.write(helloMessage(testUuid()));
  await eventually("the end", () => log.end !== null);
  expect(log.end).toMatchObject({ code: status.INTERNAL });
  expect(log.end?.details).not.toContain("secret");
  expect(rig.lines.filter((line) => line.level === "error")).toHaveLength(1);
});

test("a stop ends every stream with a reason and frees the port", async () => {
  rig = await PlaneRig.start();
  const { agent, nodeId } = await rig.enrolledAgent();
  const { heartbeats } = await served(agent);
  await rig.plane.stop();
  await eventually("the end", () => heartbeats.log.end !== null);
  expect(heartbeats.log.end).toMatchObject({
    code: status.UNAVAILABLE,
    details: "the coordinator stops: dial again",
  });
  expect(rig.plane.link.sendCommand(nodeId, stopCommand())).toBe(false);
  const again = await rig.plane.start(rig.intake, {
    enrolNode: async () => ({ clusterName: "local", nodeName: "node-1" }),
    awaitApproval: async () => ({ kind: "gone" }),
  });
  expect(again.address).toMatch(/^127\.0\.0\.1:\d+$/);
});

test("what was decided while this coordinator led is not sent once it does not", async () => {
  rig = await PlaneRig.start();
  const { agent, nodeId } = await rig.enrolledAgent();
  const { incarnation } = await served(agent);
  const commands = await attached(agent, incarnation);
  const { intake } = rig;
  const commit = intake.commandResult.bind(intake);
  // The lease ends between the commit and the acknowledgement of it.
  intake.commandResult = async (...result) => {
    await commit(...result);
    intake.leading = false;
  };
  commands.stream.write(resultMessage(testUuid()));
  await eventually("the end", () => commands.log.end !== null);
  expect(commands.log.end).toMatchObject({ code: status.UNAVAILABLE });
  expect(intake.records.map(({ kind }) => kind)).toContain("result");
  expect(commands.log.messages.map(({ message }) => message.case)).toEqual(["attached"]);

  intake.leading = true;
  const again = await served(agent);
  const held = await attached(agent, again.incarnation);
  intake.leading = false;
  rig.plane.link.sendCommand(nodeId, stopCommand());
  await eventually("the end", () => held.log.end !== null);
  expect(held.log.messages.map(({ message }) => message.case)).toEqual(["attached"]);

  intake.leading = true;
  const hello = intake.hello.bind(intake);
  intake.hello = async (...said) => {
    const terms = await hello(...said);
    intake.leading = false;
    return terms;
  };
  const unwelcome = agent.heartbeat();
  unwelcome.stream.write(helloMessage(testUuid()));
  await eventually("the end", () => unwelcome.log.end !== null);
  expect(unwelcome.log).toMatchObject({ messages: { length: 0 }, end: { code: status.UNAVAILABLE } });
});
