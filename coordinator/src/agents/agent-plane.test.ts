import { status } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { PlaneRig } from "./plane-rig.ts";
import {
  attachMessage,
  certificateRequest,
  eventually,
  heartbeatMessage,
  helloMessage,
  resultMessage,
  testUuid,
} from "./test-agent.ts";

let rig: PlaneRig;
afterEach(async () => rig.stop());

test("an agent enrols, is welcomed, gets its heartbeats acknowledged, a command, and its result stored", async () => {
  rig = await PlaneRig.start();
  const { nodeId, agent } = await rig.enrolledAgent();
  const incarnation = testUuid();
  const heartbeats = agent.heartbeat();
  heartbeats.stream.write(helloMessage(incarnation));
  await eventually("a Welcome", () => heartbeats.log.messages.length === 1);
  expect(heartbeats.log.messages[0]?.message).toMatchObject({ case: "welcome", value: { session: 1n, term: 1n } });
  heartbeats.stream.write(heartbeatMessage(1));
  heartbeats.stream.write(heartbeatMessage(1));
  heartbeats.stream.write(heartbeatMessage(2));
  await eventually("two Acks", () => heartbeats.log.messages.length === 3);
  expect(heartbeats.log.messages.slice(1).map((one) => one.message.value)).toMatchObject([
    { sequence: 1n, term: 1n, session: 1n },
    { sequence: 2n, term: 1n, session: 1n },
  ]);

  const commands = agent.commands();
  commands.stream.write(attachMessage(incarnation));
  await eventually("Attached", () => commands.log.messages.length === 1);
  const commandId = testUuid();
  const command = {
    commandId,
    term: 1,
    session: 1,
    containerId: testUuid(),
    epoch: 1,
    timeoutMs: 1_000,
    requestId: "",
  };
  expect(rig.plane.link.sendCommand(nodeId, { ...command, action: { kind: "stop", graceMs: 10 } })).toBe(true);
  await eventually("the Command", () => commands.log.messages.length === 2);
  expect(commands.log.messages[1]?.message.value).toMatchObject({ commandId, action: { case: "stop" } });
  commands.stream.write(resultMessage(commandId));
  await eventually("the ResultAck", () => commands.log.messages.length === 3);
  expect(commands.log.messages[2]?.message).toMatchObject({ case: "resultAck", value: { commandId } });
  expect(rig.intake.records.map((record) => record.kind)).toEqual(["hello", "attach", "result"]);
});

test("a call without a certificate is refused with what to do, and enrolment works on the same port", async () => {
  rig = await PlaneRig.start();
  const stranger = rig.agent(null);
  const { log } = stranger.heartbeat();
  await eventually("the refusal", () => log.end !== null);
  expect(log.end?.code).toBe(status.UNAUTHENTICATED);
  expect(log.end?.details).toContain("join token");
  const response = await stranger.enrol(await rig.joinSecret(), "node-1", (await certificateRequest()).csr);
  expect(response.clusterName).toBe("local");
  expect(rig.plane.counters.values).toMatchObject({ calls_without_certificate: 1, enrolments: 1 });
});
