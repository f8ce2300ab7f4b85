import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CertificateAuthority } from "./pki/certificate-authority.ts";
import { PlaneRig, steppedClock, testRandom } from "./plane-rig.ts";
import {
  attachMessage,
  certificateRequest,
  eventually,
  heartbeatMessage,
  helloMessage,
  type Identity,
  testUuid,
} from "./test-agent.ts";

const DAY_MS = 86_400_000;
let rig: PlaneRig;
beforeEach(async () => {
  rig = await PlaneRig.start({ nodeCacheMs: 5_000, sweepMs: 50 });
});
afterEach(async () => rig.stop());

/** How a heartbeat stream of someone with this identity ends. */
async function refusalOf(identity: Identity | null) {
  const { stream, log } = rig.agent(identity).heartbeat();
  stream.write(helloMessage(testUuid()));
  await eventually("the refusal", () => log.end !== null);
  return log.end;
}

test("a certificate of a foreign authority with a node's name and id is refused on every call", async () => {
  const { nodeId } = await rig.enrolledAgent();
  const elsewhere = await mkdtemp(join(tmpdir(), "lormas-foreign-"));
  const foreign = await CertificateAuthority.open(elsewhere, steppedClock(), testRandom);
  await rm(elsewhere, { recursive: true });
  const { keyPem, csr } = await certificateRequest();
  const { certificatePem } = await foreign.issueNode(csr, { nodeId, nodeName: "node-1" });
  const identity = { keyPem, certificatePem };
  expect(await refusalOf(identity)).toMatchObject({ code: status.UNAUTHENTICATED });
  const agent = rig.agent(identity);
  await expect(agent.renew(csr)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  await expect(agent.pushLogs().answer).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  const { log } = agent.commands();
  await eventually("the refusal", () => log.end !== null);
  expect(log.end).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(log.end?.details).toContain("not issued by this fleet's authority");
  expect(rig.plane.counters.values.calls_with_foreign_certificate).toBe(4);
  expect(rig.intake.records).toEqual([]);
});

test("a certificate signed by a node's own key is refused", async () => {
  const { identity } = await rig.enrolledAgent();
  // A node that makes itself an authority: its key signs a certificate for another node.
  const elsewhere = await mkdtemp(join(tmpdir(), "lormas-foreign-"));
  const forger = await CertificateAuthority.open(elsewhere, steppedClock(), testRandom);
  await rm(elsewhere, { recursive: true });
  const { keyPem, csr } = await certificateRequest();
  const { certificatePem } = await forger.issueNode(csr, { nodeId: testUuid(), nodeName: "node-2" });
  const chain = `${certificatePem}\n${identity.certificatePem}`;
  expect(await refusalOf({ keyPem, certificatePem: chain })).toMatchObject({ code: status.UNAUTHENTICATED });
});

test("the server's own certificate is no node's", async () => {
  const server = await rig.plane.authority.issueServer([]);
  const end = await refusalOf({ keyPem: server.keyPem, certificatePem: server.chainPem });
  expect(end).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(end?.details).toContain("names no node");
});

test("an ended certificate is refused, by the plane's clock as well as by the machine's", async () => {
  const { nodeId, identity } = await rig.enrolledAgent();
  const ended = await rig.identityIssued(31 * DAY_MS, { nodeId, nodeName: "node-1" });
  expect(await refusalOf(ended)).toMatchObject({ code: status.UNAUTHENTICATED });
  rig.clock.offsetMs = 31 * DAY_MS;
  const end = await refusalOf(identity);
  expect(end).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(end?.details).toContain("the certificate ended at");
});

test("open streams end when their certificate does", async () => {
  const { agent } = await rig.enrolledAgent();
  const { stream, log } = agent.heartbeat();
  stream.write(helloMessage(testUuid()));
  await eventually("a Welcome", () => log.messages.length === 1);
  rig.clock.offsetMs = 31 * DAY_MS;
  await eventually("the end", () => log.end !== null);
});

test("a node that nobody has enrolled is refused although our authority signed for it", async () => {
  const identity = await rig.identityIssued(0, { nodeId: testUuid(), nodeName: "node-9" });
  expect(await refusalOf(identity)).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(rig.plane.counters.values.calls_of_unknown_node).toBe(1);
});

test("revocation ends open streams at once when it is told here, and the node cannot come back", async () => {
  const { nodeId, agent, identity } = await rig.enrolledAgent();
  const incarnation = testUuid();
  const heartbeats = agent.heartbeat();
  heartbeats.stream.write(helloMessage(incarnation));
  await eventually("a Welcome", () => heartbeats.log.messages.length === 1);
  const commands = agent.commands();
  commands.stream.write(attachMessage(incarnation));
  await eventually("Attached", () => commands.log.messages.length === 1);
  rig.nodes.revoke(nodeId);
  rig.plane.invalidateNode(nodeId);
  await eventually("both ends", () => heartbeats.log.end !== null && commands.log.end !== null);
  expect(heartbeats.log.end?.details).toContain("standing has changed");
  const end = await refusalOf(identity);
  expect(end).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(end?.details).toContain("has been revoked");
  expect(rig.plane.counters.values.calls_of_revoked_node).toBe(1);
});

test("revocation that nobody tells here ends open streams too", async () => {
  const { nodeId, agent } = await rig.enrolledAgent();
  const { stream, log } = agent.heartbeat();
  stream.write(helloMessage(testUuid()));
  await eventually("a Welcome", () => log.messages.length === 1);
  rig.nodes.revoke(nodeId);
  await eventually("the end", () => log.end !== null);
});

test("a node's standing is remembered, so that a storm of calls is not one of queries", async () => {
  const { agent } = await rig.enrolledAgent();
  const { csr } = await certificateRequest();
  for (let i = 0; i < 5; i++) await agent.renew(csr);
  expect(rig.nodes.finds).toBe(1);
});

test("a database that does not answer makes the node come back later, and refuses nobody for good", async () => {
  const { identity } = await rig.enrolledAgent();
  rig.nodes.failing = true;
  expect(await refusalOf(identity)).toMatchObject({ code: status.UNAVAILABLE });
  rig.nodes.failing = false;
  const { stream, log } = rig.agent(identity).heartbeat();
  stream.write(helloMessage(testUuid()));
  await eventually("a Welcome", () => log.messages.length === 1);
});

test("a renewed certificate speaks for the same node, and so does the older one until its end", async () => {
  const { nodeId, agent, identity } = await rig.enrolledAgent();
  const { keyPem, csr } = await certificateRequest("another-name");
  const renewed = await agent.renew(csr);
  expect(rig.nodes.serials.get(nodeId)).toMatch(/^[0-9a-f]{32}$/);
  for (const each of [{ keyPem, certificatePem: renewed.certificate }, identity]) {
    const { stream, log } = rig.agent(each).heartbeat();
    stream.write(helloMessage(testUuid()));
    await eventually("a Welcome", () => log.messages.length === 1);
  }
  expect(rig.intake.records.map((record) => record.nodeId)).toEqual([nodeId, nodeId]);
  const forged = csr.with(csr.length - 1, (csr.at(-1) ?? 0) ^ 1);
  await expect(agent.renew(forged)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
});

test("a node speaks for itself alone: its id comes from its certificate, and no message names another", async () => {
  const one = await rig.enrolledAgent("node-1");
  const two = await rig.enrolledAgent("node-2");
  // Even with the other's incarnation, which it would have to guess, it is heard as itself.
  const incarnation = testUuid();
  const victim = two.agent.heartbeat();
  victim.stream.write(helloMessage(incarnation));
  await eventually("a Welcome", () => victim.log.messages.length === 1);
  const intruder = one.agent.heartbeat();
  intruder.stream.write(helloMessage(incarnation));
  await eventually("a Welcome", () => intruder.log.messages.length === 1);
  intruder.stream.write(heartbeatMessage(1));
  await eventually("an Ack", () => intruder.log.messages.length === 2);
  expect(rig.intake.records.map((record) => record.nodeId)).toEqual([two.nodeId, one.nodeId]);
  victim.stream.write(heartbeatMessage(1));
  await eventually("an Ack", () => victim.log.messages.length === 2);
  expect(victim.log.end).toBeNull();
});
