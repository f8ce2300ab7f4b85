import { connect, createServer, type Socket } from "node:net";
import { create } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { PushLogsRequestSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { afterEach, expect, test } from "vitest";
import type { AgentLogLine } from "../runtime/agent-link.ts";
import type { PlaneLimits } from "./plane-limits.ts";
import { PlaneRig } from "./plane-rig.ts";
import { attachMessage, eventually, helloMessage, TestAgent, testUuid } from "./test-agent.ts";

let rig: PlaneRig;
afterEach(async () => rig.stop());

const request = { containerId: testUuid(), tailLines: 10, follow: true };
const lines = (logId: string, ...texts: string[]) =>
  create(PushLogsRequestSchema, {
    logId,
    lines: texts.map((text) => ({ at: { seconds: 1n, nanos: 0 }, stream: "stdout", text })),
  });

async function connected(limits: Partial<PlaneLimits> = {}, features: string[] = []) {
  rig = await PlaneRig.start(limits);
  const { agent, nodeId, identity } = await rig.enrolledAgent();
  const incarnation = testUuid();
  const heartbeats = agent.heartbeat();
  const hello = helloMessage(incarnation);
  if (hello.message.case === "hello") hello.message.value.features = features;
  heartbeats.stream.write(hello);
  await eventually("a Welcome", () => heartbeats.log.messages.length === 1);
  const commands = agent.commands();
  commands.stream.write(attachMessage(incarnation));
  await eventually("Attached", () => commands.log.messages.length === 1);
  const opened = () =>
    commands.log.messages.flatMap((one) => (one.message.case === "openLogs" ? [one.message.value.logId] : []));
  const closed = () =>
    commands.log.messages.flatMap((one) => (one.message.case === "closeLogs" ? [one.message.value.logId] : []));
  return { agent, nodeId, identity, commands, opened, closed };
}

/** A way to the plane that can be broken as a network breaks: without a word of gRPC. */
async function breakableWire(port: number) {
  const ends: Socket[] = [];
  const server = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port });
    for (const end of [near, far]) {
      ends.push(end);
      end.on("error", () => end.destroy());
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const own = server.address();
  return {
    address: `127.0.0.1:${typeof own === "object" ? own?.port : 0}`,
    break() {
      server.close();
      for (const end of ends) end.destroy();
    },
  };
}

/** Reads everything into a list, and keeps how it ended. */
function reader(nodeId: string, signal: AbortSignal, containerId = request.containerId) {
  const texts: string[] = [];
  const state: { over: boolean; error: unknown } = { over: false, error: null };
  const run = async () => {
    try {
      for await (const batch of rig.plane.link.readLogs(nodeId, { ...request, containerId }, signal))
        texts.push(...batch.map((line) => line.text));
    } catch (error) {
      state.error = error;
    }
    state.over = true;
  };
  void run();
  return { texts, state };
}

test("lines come in order, and the reading ends when the agent has no more", async () => {
  const { agent, nodeId, commands, opened, closed } = await connected();
  const { texts, state } = reader(nodeId, new AbortController().signal);
  await eventually("OpenLogs", () => opened().length === 1);
  expect(commands.log.messages[1]?.message.value).toMatchObject(request);
  const [logId = ""] = opened();
  const { stream, answer } = agent.pushLogs();
  stream.write(lines(logId, "one", "two"));
  stream.write(lines("", "three"));
  stream.end();
  await answer;
  await eventually("the end", () => state.over);
  expect(texts).toEqual(["one", "two", "three"]);
  expect(state.error).toBeNull();
  expect(closed()).toEqual([]);
  expect(rig.plane.gauges().readings).toBe(0);
});

test("an abort ends the reading, sends CloseLogs and ends the agent's stream", async () => {
  const { agent, nodeId, opened, closed } = await connected();
  const abort = new AbortController();
  const { texts, state } = reader(nodeId, abort.signal);
  await eventually("OpenLogs", () => opened().length === 1);
  const [logId = ""] = opened();
  const { stream, answer } = agent.pushLogs();
  stream.write(lines(logId, "one"));
  await eventually("a line", () => texts.length === 1);
  abort.abort();
  await eventually("the end", () => state.over);
  await answer;
  await eventually("CloseLogs", () => closed()[0] === logId);
  expect(state.error).toBeNull();
  expect(rig.plane.gauges().readings).toBe(0);
});

test("a slow reader slows the agent down; at most a few batches are held, and no line is lost", async () => {
  const { agent, nodeId, opened } = await connected({ readingBatchesMax: 2 });
  const reading = rig.plane.link.readLogs(nodeId, request, new AbortController().signal)[Symbol.asyncIterator]();
  const first = reading.next();
  await eventually("OpenLogs", () => opened().length === 1);
  const [logId = ""] = opened();
  const { stream } = agent.pushLogs();
  const text = "x".repeat(10_000);
  let written = 0;
  for (let i = 0; i < 200; i++) {
    stream.write(lines(logId, `${i} ${text}`), () => {
      written += 1;
    });
  }
  stream.end();
  const got: AgentLogLine[] = [...((await first).value ?? [])];
  await eventually("the agent's writes come to a halt", () => written > 5);
  expect(rig.plane.counters.values.log_lines).toBeLessThan(10);
  expect(written).toBeLessThan(200);
  for (let next = await reading.next(); !next.done; next = await reading.next()) got.push(...next.value);
  expect(got.map((line) => Number.parseInt(line.text, 10))).toEqual(Array.from({ length: 200 }, (_, i) => i));
});

test("an agent whose connection breaks ends the reading with an error that says so", async () => {
  const { nodeId, identity } = await connected();
  const wire = await breakableWire(rig.port);
  const agent = new TestAgent(wire.address, rig.plane.authority.caPem, identity);
  const commands = agent.commands();
  commands.stream.write(attachMessage(rig.intake.servedIncarnation(nodeId) ?? ""));
  await eventually("Attached", () => commands.log.messages.length === 1);
  const { texts, state } = reader(nodeId, new AbortController().signal);
  await eventually("OpenLogs", () => commands.log.messages.length === 2);
  const open = commands.log.messages[1]?.message;
  const pushed = agent.pushLogs();
  pushed.stream.write(lines(open?.case === "openLogs" ? open.value.logId : "", "one"));
  await eventually("a line", () => texts.length === 1);
  wire.break();
  await eventually("the end", () => state.over);
  expect(state.error).toMatchObject({ code: "busy", message: expect.stringContaining("gone away") });
  await eventually("the command stream's end", () => rig.plane.gauges().commands === 0);
  agent.close();
});

test("the reading fails when the command stream goes before the agent has answered, or answers too late", async () => {
  const { nodeId, commands, opened } = await connected({ readingOpenMs: 50 });
  const late = reader(nodeId, new AbortController().signal);
  await eventually("the end", () => late.state.over);
  expect(late.state.error).toMatchObject({ message: expect.stringContaining("in time") });
  const { state } = reader(nodeId, new AbortController().signal);
  await eventually("OpenLogs", () => opened().length === 2);
  commands.stream.cancel();
  await eventually("the end", () => state.over);
  expect(state.error).toMatchObject({ code: "busy" });
});

test("what the agent could not read is told to the reader", async () => {
  const { agent, nodeId, opened } = await connected();
  const { state } = reader(nodeId, new AbortController().signal);
  await eventually("OpenLogs", () => opened().length === 1);
  const { stream } = agent.pushLogs();
  stream.write(create(PushLogsRequestSchema, { logId: opened()[0] ?? "", error: "no such container" }));
  stream.end();
  await eventually("the end", () => state.over);
  expect(state.error).toMatchObject({ message: expect.stringContaining("no such container") });
});

test("a node without a command stream is busy", async () => {
  await connected();
  const nowhere = reader(testUuid(), new AbortController().signal);
  await eventually("the refusal", () => nowhere.state.over);
  expect(nowhere.state.error).toMatchObject({ code: "busy", retryAfterMs: 1_000 });
});

test("a container has 32 readings and a node 64, and another container is read all the same", async () => {
  const { agent, nodeId, opened } = await connected();
  const abort = new AbortController();
  const [one, two, three] = [testUuid(), testUuid(), testUuid()];
  const refused = async (containerId: string) => {
    const { state } = reader(nodeId, abort.signal, containerId);
    await eventually("the refusal", () => state.over);
    return state.error;
  };
  const readers = [one, two].flatMap((id) => Array.from({ length: 32 }, () => reader(nodeId, abort.signal, id)));
  await eventually("64 OpenLogs", () => opened().length === 64);
  expect(await refused(one)).toMatchObject({ code: "busy", message: expect.stringContaining("32 readings") });
  const sure = [1, 2].map(() => reader(nodeId, abort.signal, three));
  await eventually("two of the third", () => opened().length === 66);
  expect(await refused(three)).toMatchObject({ code: "busy", message: expect.stringContaining("66 readings") });
  // Over the one connection of the agent: as many streams must be open on it at once.
  for (const logId of opened()) agent.pushLogs().stream.write(lines(logId, "here"));
  await eventually("a line each", () => [...readers, ...sure].every(({ texts }) => texts.length === 1));
  abort.abort();
  await eventually("all ends", () => [...readers, ...sure].every(({ state }) => state.over));
  expect(rig.plane.gauges().readings).toBe(0);
});

test("a terminal is read byte for byte from its first piece on, and what its agent refuses keeps its reason", async () => {
  const { agent, nodeId, commands, opened } = await connected({}, ["terminal"]);
  const abort = new AbortController();
  const reading = rig.plane.link.readTerminal(nodeId, request.containerId, abort.signal)[Symbol.asyncIterator]();
  const first = reading.next();
  await eventually("OpenLogs", () => opened().length === 1);
  expect(commands.log.messages[1]?.message.value).toMatchObject({ containerId: request.containerId, terminal: true });
  const { stream } = agent.pushLogs();
  const [logId = ""] = opened();
  const shown = (output: string, skippedBytes = 0n) =>
    create(PushLogsRequestSchema, { logId, terminal: { output: new Uint8Array(Buffer.from(output)), skippedBytes } });
  for (const message of [create(PushLogsRequestSchema, { logId }), shown(""), shown("$ \u001b[1m", 7n)]) {
    stream.write(message);
  }
  expect((await first).value).toMatchObject({ bytes: new Uint8Array(), skippedBytes: 0 });
  expect((await reading.next()).value).toMatchObject({
    bytes: new Uint8Array(Buffer.from("$ \u001b[1m")),
    skippedBytes: 7,
  });
  stream.write(create(PushLogsRequestSchema, { logId, error: "it\0 has ended", errorCode: "not_running" }));
  await expect(reading.next()).rejects.toMatchObject({ code: "not_running", message: "it\uFFFD has ended" });
  expect(rig.plane.gauges().readings).toBe(0);
});

test("a node cannot send lines into another node's reading, nor twice into its own", async () => {
  const { agent, nodeId, opened } = await connected();
  const { texts } = reader(nodeId, new AbortController().signal);
  await eventually("OpenLogs", () => opened().length === 1);
  const [logId = ""] = opened();
  const other = await rig.enrolledAgent("node-2");
  const foreign = other.agent.pushLogs();
  foreign.stream.write(lines(logId, "forged"));
  await expect(foreign.answer).rejects.toMatchObject({ code: status.NOT_FOUND });
  agent.pushLogs().stream.write(lines(logId, "true"));
  await eventually("a line", () => texts.length === 1);
  const twice = agent.pushLogs();
  twice.stream.write(lines(logId, "again"));
  await expect(twice.answer).rejects.toMatchObject({ code: status.ALREADY_EXISTS });
  expect(texts).toEqual(["true"]);
});
