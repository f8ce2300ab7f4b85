import { create } from "@bufbuild/protobuf";
import { type CommandsRequest, CommandsRequestSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { afterEach, expect, test } from "vitest";
import { PLANE_LIMITS, type PlaneLimits } from "./plane-limits.ts";
import { PlaneRig } from "./plane-rig.ts";
import { attachMessage, eventually, helloMessage, testUuid } from "./test-agent.ts";

let rig: PlaneRig;
afterEach(async () => rig.stop());

const containerId = testUuid();
const input = (text: string) => ({ containerId, epoch: 7, data: Buffer.from(text) });

function answer(inputId: string, errorCode = "", errorMessage = ""): CommandsRequest {
  return create(CommandsRequestSchema, {
    message: { case: "consoleResult", value: { inputId, errorCode, errorMessage } },
  });
}

/** An agent that is attached, and what it was sent. */
async function connected(limits: Partial<PlaneLimits> = {}, features = ["console", "terminal", "a word of later"]) {
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
  const sent = () =>
    commands.log.messages.flatMap((one) => (one.message.case === "consoleInput" ? [one.message.value] : []));
  return { agent, nodeId, identity, commands, incarnation, sent };
}

type Commands = Awaited<ReturnType<typeof connected>>["commands"];
const sizes = ({ log }: Commands) =>
  log.messages.flatMap((one) => (one.message.case === "consoleResize" ? [one.message.value] : []));

test("an input goes to the copy that is meant, and is acknowledged by its agent", async () => {
  const { nodeId, commands, sent } = await connected();
  const written = rig.plane.link.sendInput(nodeId, input("say hello\n"));
  await eventually("the input", () => sent().length === 1);
  const [one] = sent();
  expect(one).toMatchObject({ containerId, epoch: 7n });
  expect(Buffer.from(one?.data ?? []).toString()).toBe("say hello\n");
  commands.stream.write(answer(one?.inputId ?? ""));
  await written;
});

test.each([
  ["not_running", "not_running"],
  ["no_input", "no_input"],
  ["stale_epoch", "busy"],
  ["input_full", "busy"],
  ["a code of a newer agent", "busy"],
])("an agent that answers %s refuses with %s and its own words", async (said, code) => {
  const { nodeId, commands, sent } = await connected();
  const written = rig.plane.link.sendInput(nodeId, input("x"));
  const refused = expect(written).rejects.toMatchObject({ code, message: expect.stringContaining("its\uFFFD words") });
  await eventually("the input", () => sent().length === 1);
  commands.stream.write(answer(sent()[0]?.inputId ?? "", said, "its\0 words"));
  await refused;
});

test("an agent that does not say that it knows inputs is sent none", async () => {
  const { nodeId, sent } = await connected({}, []);
  await expect(rig.plane.link.sendInput(nodeId, input("x"))).rejects.toMatchObject({
    code: "no_input",
    message: expect.stringContaining("the agent of node node-1 is older than the console"),
  });
  expect(sent()).toEqual([]);
});

test("where no answer comes in time the refusal says that it may have been written, and a late answer is dropped", async () => {
  const { nodeId, commands, sent } = await connected({ inputAnswerMs: 100 });
  await expect(rig.plane.link.sendInput(nodeId, input("x"))).rejects.toMatchObject({
    code: "busy",
    message: expect.stringContaining("may have been written"),
  });
  commands.stream.write(answer(sent()[0]?.inputId ?? ""));
  const next = rig.plane.link.sendInput(nodeId, input("y"));
  await eventually("the next input", () => sent().length === 2);
  commands.stream.write(answer(sent()[1]?.inputId ?? ""));
  await next;
});

test("no more inputs wait than may, and those that do are told when their agent goes away", async () => {
  const { nodeId, commands, sent } = await connected({ inputs: { sure: 1, perHolderMax: 2, inAllMax: 64 } });
  const waiting = [1, 2].map(() => rig.plane.link.sendInput(nodeId, input("x")).catch((error: Error) => error.message));
  await eventually("two inputs", () => sent().length === 2);
  await expect(rig.plane.link.sendInput(nodeId, input("x"))).rejects.toMatchObject({
    code: "busy",
    message: expect.stringContaining("2 inputs of this container wait"),
  });
  commands.stream.cancel();
  for (const message of await Promise.all(waiting)) {
    expect(message).toContain("has gone away: it is not known whether the input was written");
  }
});

test("however many inputs of others wait on its node, those of a container are sent", async () => {
  const { sure, perHolderMax, inAllMax } = PLANE_LIMITS.inputs;
  const { nodeId, commands, sent } = await connected({ inputAnswerMs: 60_000 });
  // Somebody who has many containers on the node, none of which reads its input, writes to all of them as fast as he may.
  const hogs = Array.from({ length: 2 * (inAllMax / perHolderMax) }, () => testUuid());
  const inputs = hogs.flatMap((hog) =>
    Array.from({ length: perHolderMax }, () =>
      rig.plane.link.sendInput(nodeId, { ...input("x"), containerId: hog }).catch((error: Error) => error.message),
    ),
  );
  const admitted = inAllMax + (hogs.length / 2) * sure;
  await eventually("all that may wait", () => sent().length === admitted);
  await expect(inputs.at(-1)).resolves.toContain(`${admitted} inputs of the containers of its node wait`);

  const others = Array.from({ length: sure }, () => rig.plane.link.sendInput(nodeId, input("say hello\n")));
  const resize = { containerId: testUuid(), epoch: 7, rows: 24, columns: 80 };
  const resized = rig.plane.link.resizeTerminal(nodeId, resize);
  const mine = () => sent().filter((one) => one.containerId === containerId);
  await eventually("the inputs of another", () => mine().length === sure);
  for (const one of mine()) commands.stream.write(answer(one.inputId));
  await Promise.all(others);
  await eventually("a size for a third", () => sizes(commands).length === 1);
  commands.stream.write(answer(sizes(commands)[0]?.resizeId ?? ""));
  await resized;
  commands.stream.cancel();
  await Promise.all(inputs);
});

test("a size goes to the copy that is meant, and one without a terminal says so", async () => {
  const { nodeId, commands } = await connected();
  const resize = { containerId, epoch: 7, rows: 50, columns: 132 };
  const given = rig.plane.link.resizeTerminal(nodeId, resize);
  await eventually("the size", () => sizes(commands).length === 1);
  const [one] = sizes(commands);
  expect(one).toMatchObject({ containerId, epoch: 7n, rows: 50, columns: 132 });
  const refused = expect(given).rejects.toMatchObject({ code: "no_terminal", message: "it has none" });
  commands.stream.write(answer(one?.resizeId ?? "", "no_terminal", "it has none"));
  await refused;
});

test("an agent that does not name terminals is asked for none, and is sent inputs all the same", async () => {
  const { nodeId, commands, sent } = await connected({}, ["console"]);
  const old = { code: "no_terminal", message: "the agent of node node-1 is older than terminals" };
  await expect(
    rig.plane.link.resizeTerminal(nodeId, { containerId, epoch: 7, rows: 1, columns: 1 }),
  ).rejects.toMatchObject(old);
  const reading = rig.plane.link.readTerminal(nodeId, containerId, new AbortController().signal);
  await expect(reading[Symbol.asyncIterator]().next()).rejects.toMatchObject(old);
  expect(sizes(commands)).toEqual([]);
  const written = rig.plane.link.sendInput(nodeId, input("x"));
  await eventually("the input", () => sent().length === 1);
  commands.stream.write(answer(sent()[0]?.inputId ?? ""));
  await written;
});

test("an input is sent down one stream, once, however often the agent attaches", async () => {
  const { agent, nodeId, commands, incarnation, sent } = await connected();
  const written = rig.plane.link.sendInput(nodeId, input("x")).catch((error: Error) => error.message);
  await eventually("the input", () => sent().length === 1);
  const again = agent.commands();
  again.stream.write(attachMessage(incarnation));
  await eventually("Attached again", () => again.log.messages.length >= 1);
  await eventually("the end of the older stream", () => commands.log.end !== null);
  again.stream.write(answer(sent()[0]?.inputId ?? ""));
  await written;
  expect(again.log.messages.filter(({ message }) => message.case === "consoleInput")).toEqual([]);
});

test("a node without a stream takes no input", async () => {
  rig = await PlaneRig.start();
  await expect(rig.plane.link.sendInput(testUuid(), input("x"))).rejects.toMatchObject({
    code: "busy",
    message: expect.stringContaining("no open command stream"),
  });
});
