import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conformance, makeStubs, OWN_AGENT, pythonAgent, pythonNeeds } from "./test-agents.ts";

const needs = pythonNeeds();
const required = process.env["LORMAS_TEST_REQUIRE"] === "1";
const SUITE_MS = 240_000;

describe.runIf(process.platform === "linux")("the profile core", { timeout: SUITE_MS }, () => {
  const stubs = mkdtempSync(join(tmpdir(), "lormas-stubs-"));
  beforeAll(async () => {
    if (needs === null) await makeStubs(stubs);
    else if (required) throw new Error(needs);
  });
  afterAll(() => rmSync(stubs, { recursive: true, force: true }));

  test.concurrent("is kept by our own agent", async () => {
    const { code, output } = await conformance(OWN_AGENT, "core", "--lanes", "3");
    expect(code, output).toBe(0);
  });

  test.concurrent("is kept by the example agent in Python", async (context) => {
    if (needs !== null) return context.skip(needs);
    const { code, output } = await conformance(pythonAgent(stubs), "core", "--lanes", "3");
    expect(code, output).toBe(0);
  });

  test.concurrent("finds an agent that forgets epochs, by the promises that this breaks and no other", async (context) => {
    if (needs !== null) return context.skip(needs);
    const broken = ["older-epoch-refused", "closed-epoch-stays-closed", "epoch-closed-before-its-start"];
    const kept = ["another-session-refused", "unknown-command-answered"];
    const json = join(stubs, "outcome.json");
    const more = ["--only", [...broken, ...kept].join(","), "--json", json];
    const { code, failed, output } = await conformance(pythonAgent(stubs, "obeys-any-epoch"), "core", ...more);
    expect([code, failed.toSorted()], output).toEqual([1, broken.toSorted()]);
    const written = JSON.parse(readFileSync(json, "utf8")) as { profile: string; checks: { name: string }[] };
    expect(written.profile).toBe("core");
    expect(written.checks.find(({ name }) => name === "older-epoch-refused")).toMatchObject({
      source: "proto/lormas/agent/v1/agent.proto",
      passed: false,
      reason: expect.stringContaining('not "stale_epoch"'),
    });
  });
});
