import { X509Certificate } from "node:crypto";
import { type Metadata, status } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { JOIN_TOKEN_LIFE_MS, parseJoinToken } from "./join-token.ts";
import { PlaneRig } from "./plane-rig.ts";
import { certificateRequest, testUuid } from "./test-agent.ts";

let rig: PlaneRig;
afterEach(async () => rig.stop());

test("a join token buys one certificate, with the names that we give", async () => {
  rig = await PlaneRig.start();
  const { token, expiresAt } = await rig.plane.createJoinToken(testUuid(), "admin");
  const parsed = parseJoinToken(token);
  expect(parsed?.caDigestHex).toBe(rig.plane.authority.caDigestHex);
  expect(Math.abs(expiresAt.getTime() - Date.now() - JOIN_TOKEN_LIFE_MS)).toBeLessThan(10_000);
  const { csr } = await certificateRequest("admin");
  const response = await rig.agent(null).enrol(parsed?.secret ?? "", "node-1", csr);
  const certificate = new X509Certificate(response.certificate);
  expect(certificate.subject).toBe("CN=node-1");
  expect(certificate.subjectAltName).toBe(`URI:lormas://node/${response.nodeId}`);
  expect(response.caCertificate).toBe(rig.plane.authority.caPem);
  expect(rig.enrolled).toMatchObject([
    { nodeId: response.nodeId, name: "node-1", certificateSerial: certificate.serialNumber.toLowerCase() },
  ]);
});

test("the second claim of a token is refused, counted and logged", async () => {
  rig = await PlaneRig.start();
  const secret = await rig.joinSecret();
  const { csr } = await certificateRequest();
  await rig.agent(null).enrol(secret, "node-1", csr);
  await expect(rig.agent(null).enrol(secret, "node-2", csr)).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
    details: expect.stringContaining("make another join token"),
  });
  expect(rig.plane.counters.values.enrolments_token_used).toBe(1);
  expect(rig.lines.some((line) => line.level === "warn" && line.text.includes("used already"))).toBe(true);
  expect(rig.enrolled).toHaveLength(1);
});

test("a claim whose answer was lost is answered again, with a certificate of the same node", async () => {
  rig = await PlaneRig.start();
  const secret = await rig.joinSecret();
  const { csr } = await certificateRequest();
  const lost = await rig.agent(null).enrol(secret, "node-1", csr);
  rig.clock.offsetMs = JOIN_TOKEN_LIFE_MS - 10_000;
  const again = await rig.agent(null).enrol(secret, "node-1", csr);
  expect(again).toMatchObject({ nodeId: lost.nodeId, clusterName: "local" });
  const certificate = new X509Certificate(again.certificate);
  expect(certificate.subjectAltName).toBe(`URI:lormas://node/${lost.nodeId}`);
  expect(certificate.serialNumber).not.toBe(new X509Certificate(lost.certificate).serialNumber);
  expect(rig.nodes.nodes.size).toBe(1);
  expect(rig.plane.counters.values).toMatchObject({ enrolments_token_used: 0 });
});

test("only the key and name that have claimed a token are answered again, and only while it lives", async () => {
  rig = await PlaneRig.start();
  const secret = await rig.joinSecret();
  const { csr } = await certificateRequest();
  await rig.agent(null).enrol(secret, "node-1", csr);
  const refused = { code: status.UNAUTHENTICATED };
  const other = await certificateRequest();
  await expect(rig.agent(null).enrol(secret, "node-1", other.csr)).rejects.toMatchObject(refused);
  await expect(rig.agent(null).enrol(secret, "node-2", csr)).rejects.toMatchObject(refused);
  const unproven = csr.with(csr.length - 1, (csr.at(-1) ?? 0) ^ 1);
  await expect(rig.agent(null).enrol(secret, "node-1", unproven)).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
  });
  rig.clock.offsetMs = JOIN_TOKEN_LIFE_MS;
  await expect(rig.agent(null).enrol(secret, "node-1", csr)).rejects.toMatchObject(refused);
  expect(rig.enrolled).toHaveLength(1);
});

test("the same claim twice at the same moment makes one node", async () => {
  rig = await PlaneRig.start();
  const secret = await rig.joinSecret();
  const { csr } = await certificateRequest();
  const claims = await Promise.all([1, 2].map(() => rig.agent(null).enrol(secret, "node-1", csr)));
  expect(new Set(claims.map(({ nodeId }) => nodeId)).size).toBe(1);
  expect(rig.nodes.nodes.size).toBe(1);
});

test("of two claims at the same moment one is let through", async () => {
  rig = await PlaneRig.start();
  const secret = await rig.joinSecret();
  const { csr } = await certificateRequest();
  const claims = await Promise.allSettled(["node-1", "node-2"].map((name) => rig.agent(null).enrol(secret, name, csr)));
  expect(claims.map((claim) => claim.status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(claims.find((claim) => claim.status === "rejected")?.reason).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(rig.enrolled).toHaveLength(1);
});

test("an unknown and an expired token are refused alike", async () => {
  rig = await PlaneRig.start();
  const { csr } = await certificateRequest();
  const agent = rig.agent(null);
  await expect(agent.enrol("x".repeat(43), "node-1", csr)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  const secret = await rig.joinSecret();
  rig.clock.offsetMs = JOIN_TOKEN_LIFE_MS;
  await expect(agent.enrol(secret, "node-1", csr)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  expect(rig.plane.counters.values).toMatchObject({ enrolments_token_unknown: 1, enrolments_token_expired: 1 });
});

test("a bad request and a taken name leave the token usable", async () => {
  rig = await PlaneRig.start();
  await rig.enrolledAgent("node-1");
  const secret = await rig.joinSecret();
  const { csr } = await certificateRequest();
  const agent = rig.agent(null);
  const forged = csr.with(csr.length - 1, (csr.at(-1) ?? 0) ^ 1);
  await expect(agent.enrol(secret, "node-2", forged)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  await expect(agent.enrol(secret, "Node 2", csr)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  await expect(agent.enrol(secret, "node-1", csr)).rejects.toMatchObject({ code: status.ALREADY_EXISTS });
  await expect(agent.enrol(secret, "node-2", csr)).resolves.toMatchObject({ clusterName: "local" });
});

test("attempts of one address are bounded, and those that succeed cost nothing", async () => {
  rig = await PlaneRig.start({ enrolBurst: 3, enrolRefillMs: 60_000 });
  const { csr } = await certificateRequest();
  for (let i = 0; i < 5; i++) await rig.agent(null).enrol(await rig.joinSecret(), `node-${i}`, csr);
  const agent = rig.agent(null);
  const codes: unknown[] = [];
  for (let i = 0; i < 5; i++) {
    codes.push(await agent.enrol("x".repeat(43), "node-x", csr).catch((error: { code: number }) => error.code));
  }
  expect(codes).toEqual([16, 16, 16, 8, 8]);
  expect(rig.plane.counters.values.enrolments_rate_limited).toBe(2);
});

test("a claim of a token that demands approval is answered without a certificate until an operator has let the node in", async () => {
  rig = await PlaneRig.start({ enrolBurst: 2, enrolRefillMs: 60_000 });
  const secret = await rig.joinSecret(true);
  const { csr } = await certificateRequest();
  const ask = () => rig.agent(null).enrol(secret, "node-1", csr);
  // More often than strangers may: whoever holds a token is none.
  for (let i = 0; i < 5; i++) {
    const refused = await ask().catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringMatching(/^awaiting approval until .*Z: lormas node approve node-1, if its key is SHA256:/),
    });
    const { metadata } = refused as { metadata: Metadata };
    expect(metadata.get("lormas-awaiting-approval")).toEqual(["true"]);
    expect(metadata.get("lormas-retry-after-ms")).toEqual(["5000"]);
  }
  expect(rig.enrolled).toEqual([]);
  const [waiting] = [...rig.waiting.values()];
  expect(waiting?.node.keyFingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  if (waiting) waiting.wait = { kind: "approved" };
  const response = await ask();
  expect(new X509Certificate(response.certificate).subject).toBe("CN=node-1");
  if (waiting) waiting.wait = { kind: "gone" };
  await expect(ask()).rejects.toMatchObject({
    code: status.PERMISSION_DENIED,
    details: expect.stringContaining("make another join token"),
  });
});

test("a request that is not signed by its key reserves nothing for approval", async () => {
  rig = await PlaneRig.start();
  const secret = await rig.joinSecret(true);
  const { csr } = await certificateRequest();
  const forged = csr.with(csr.length - 1, (csr.at(-1) ?? 0) ^ 1);
  await expect(rig.agent(null).enrol(secret, "node-1", forged)).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
  });
  expect(rig.waiting.size).toBe(0);
});
