import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conformance, makeStubs, OWN_AGENT, pythonAgent, pythonNeeds } from "./test-agents.ts";

const needs = pythonNeeds();
const required = process.env["LORMAS_TEST_REQUIRE"] === "1";
const SUITE_MS = 280_000;

/** Every agent of broken/broken_agent.py, with the checks that must find it. */
const FOUND_BY: Readonly<Record<string, readonly string[]>> = {
  "trusts-anybody": ["token-kept-from-a-stranger"],
  "new-key-each-time": ["lost-answer-asked-for-again"],
  "asks-for-ever": ["refused-for-good-ends"],
  "same-incarnation": ["restart-is-the-same-node", "every-message-is-valid"],
  "never-renews": ["certificate-renewed-before-its-end"],
  "beats-fast": ["heartbeats-keep-their-interval", "new-voting-group-taken-up"],
  "beats-when-answered": ["heartbeats-keep-their-interval"],
  "goes-back": ["new-voting-group-taken-up"],
  "obeys-any-term": ["lower-term-not-obeyed"],
  "obeys-any-session": ["another-session-refused"],
  "obeys-any-epoch": [
    ...["older-epoch-refused", "closed-epoch-stays-closed", "epoch-closed-before-its-start"],
    ...["late-start-timed-out", "remove-leaves-nothing"],
  ],
  "forgets-commands": ["result-repeated-until-acknowledged", "repeated-command-runs-once"],
  "sends-results-once": ["result-repeated-until-acknowledged"],
  "repeats-without-an-end": ["result-repeated-until-acknowledged"],
  "dies-of-the-unknown": ["unknown-command-answered"],
  "starts-without-health": ["start-waits-for-health", "late-start-timed-out"],
  "kills-at-once": ["stop-signals-then-kills", "kill-cuts-a-grace"],
  "waits-every-grace": ["kill-cuts-a-grace"],
  "reports-nothing": ["own-end-reported"],
  "leaves-lines-whole": ["logs-pushed-in-bounds", "every-message-is-valid"],
  "takes-small-messages": ["large-command-taken"],
  "dials-without-a-pause": ["dials-again-with-pauses"],
  "leaves-without-a-word": ["goodbye-ends-the-session", "goodbye-repeated-after-a-restart"],
  "keeps-older-copies": ["older-session-removed-first"],
  "names-no-node": ["start-runs-a-process"],
  "leaves-its-workloads": ["goodbye-ends-the-session"],
};

describe("the conformance suite", { timeout: SUITE_MS }, () => {
  const stubs = mkdtempSync(join(tmpdir(), "lormas-stubs-"));
  beforeAll(async () => {
    if (needs === null) await makeStubs(stubs);
    else if (required) throw new Error(needs);
  });
  afterAll(() => rmSync(stubs, { recursive: true, force: true }));

  test("finds that our own agent keeps what it promises of HA containers", async () => {
    const { code, output } = await conformance(OWN_AGENT, "ha");
    expect(code, output).toBe(0);
  });

  test.concurrent.for(Object.entries(FOUND_BY))(
    "finds an agent that %s, and by nothing else",
    async ([name, checks], context) => {
      if (needs !== null) return context.skip(needs);
      const { code, failed, output } = await conformance(pythonAgent(stubs, name), "core", "--lanes", "4");
      expect([code, failed.toSorted()], output).toEqual([1, checks.toSorted()]);
    },
  );
});
