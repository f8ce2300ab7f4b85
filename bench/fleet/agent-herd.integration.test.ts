import { randomBytes, randomUUID } from "node:crypto";
import { certificateRequest, newKeyPem } from "@lormas/agent/session/certificate-request.ts";
import { CertificateAuthority } from "@lormas/coordinator/agents/pki/certificate-authority.ts";
import { systemClock } from "@lormas/coordinator/runtime/system-clock.ts";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { afterAll, expect, test } from "vitest";
import { until } from "../frame/awaited.ts";
import { FULL_SIZES } from "../frame/bench-arguments.ts";
import { BenchRun } from "../frame/bench-run.ts";
import { AgentHerd } from "./agent-herd.ts";
import { EchoServer } from "./echo-server.ts";
import type { EnrolledAgent } from "./seeded-fleet.ts";

const INTERVAL_MS = 100;
const AGENTS = 5;

const run = new BenchRun(FULL_SIZES, () => {});
afterAll(() => run.end());

test("a herd is served, beats evenly, and is back by itself after its server was killed", async () => {
  const random = { bytes: (count: number) => randomBytes(count), uuid: randomUUID };
  const authority = await CertificateAuthority.open(run.folder(), systemClock, random);
  const agents = await Promise.all(
    Array.from({ length: AGENTS }, async (_, index): Promise<EnrolledAgent> => {
      const [nodeId, nodeName, keyPem] = [randomUUID(), `node-${index}`, await newKeyPem()];
      const csr = await certificateRequest(nodeName, keyPem);
      const { certificatePem } = await authority.issueNode(csr, { nodeId, nodeName });
      return { nodeId, keyPem, certificatePem };
    }),
  );
  const echo = await EchoServer.prepare(run, authority, LEASE_PROFILES.lan);
  await echo.start();
  const herd = AgentHerd.start(run, { ...echo.agentsAt, caPem: authority.caPem }, agents, INTERVAL_MS);
  await herd.gathered(20_000);
  herd.mark();
  await until(
    "some heartbeats are acknowledged",
    20_000,
    async () => (await herd.report()).acknowledged >= 10 * AGENTS,
  );
  const { sent, acknowledged, lost, tookMs } = await herd.report();
  expect(Math.min(sent, acknowledged)).toBeGreaterThanOrEqual(9 * AGENTS);
  expect(lost).toBe(0);
  expect(Math.min(...tookMs)).toBeGreaterThan(0);
  const servedMs = herd.lastServedMs;

  await echo.end("SIGKILL");
  await until("every agent has noticed", 20_000, () => herd.served === 0);
  await echo.start();
  await herd.gathered(20_000);
  expect(herd.lost).toBeGreaterThanOrEqual(AGENTS);
  expect(herd.lastServedMs).toBeGreaterThan(servedMs);
});
