import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemTimers } from "../clock/clock.ts";
import { discoverCa } from "./ca-discovery.ts";
import type { Credentials } from "./credentials.ts";
import { EnrolmentRefused, fingerprintOf } from "./enrolment.ts";
import { TEST_NODE_ID, TestCoordinator } from "./test-coordinator.ts";
import { enrolHere } from "./test-enrolment.ts";

let coordinator: TestCoordinator;
let dataDir: string;
let credentials: Credentials;

const enrolNow = (token?: string, coordinatorFor?: (attempt: number) => string) =>
  enrolHere(coordinator, dataDir, token, coordinatorFor);

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-enrol-"));
  coordinator = await TestCoordinator.start(Date.now);
  credentials = await enrolNow();
});

afterEach(async () => {
  await coordinator.stop();
  rmSync(dataDir, { recursive: true });
});

test("enrolment has its key on disk before anybody is asked, and uses it again after a crash", async () => {
  for (const name of ["node.json", "key.pem"]) rmSync(join(dataDir, name));
  let onDisk = "";
  const first = await enrolNow(coordinator.joinToken, () => {
    onDisk = readFileSync(join(dataDir, "key.pem"), "utf8");
    return coordinator.address;
  });
  expect(first.keyPem).toBe(onDisk);
  // The answer came, and nothing of it was stored.
  for (const name of ["node.json", "cert.pem", "ca.pem"]) rmSync(join(dataDir, name));
  expect(await enrolNow()).toMatchObject({ keyPem: first.keyPem, nodeId: first.nodeId });
});

test("enrolment is refused with the reason and the next step when the token is used up", async () => {
  const used = coordinator.joinToken.replace("secret-for-one-enrolment", "another-secret-entirely");
  await expect(enrolNow(used)).rejects.toThrow(EnrolmentRefused);
  await expect(enrolNow(used)).rejects.toThrow(/token is unknown; make a new join token/);
  expect(credentials.nodeId).toBe(TEST_NODE_ID);
});

test("enrolment asks the next coordinator when one does not answer", async () => {
  const asked: number[] = [];
  const fresh = await enrolNow(coordinator.joinToken, (attempt) => {
    asked.push(attempt);
    return attempt < 2 ? "127.0.0.1:1" : coordinator.address;
  });
  expect(fresh.nodeId).toBe(TEST_NODE_ID);
  expect(asked).toEqual([0, 1, 2]);
});

test("a node that waits to be let in says so once, with its key, and asks again with pauses until it is", async () => {
  coordinator.approvalsPending = 5;
  const pauses: number[] = [];
  const lines: { msg: string; key?: string }[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const timers = {
    ...systemTimers,
    async sleep(ms: number) {
      pauses.push(ms);
    },
  };
  const { keyPem, nodeId } = await enrolHere(coordinator, dataDir, undefined, undefined, { timers, log });
  expect(nodeId).toBe(TEST_NODE_ID);
  expect(pauses).toEqual([5_000, 5_000, 5_000, 5_000, 5_000]);
  expect(lines.map(({ msg, key }) => [msg, key])).toEqual([
    ["awaiting approval: an operator has to let this node in", fingerprintOf(keyPem)],
  ]);
});

test("a node that was turned away asks no more", async () => {
  coordinator.turnsAway = true;
  await expect(enrolNow()).rejects.toThrow(/was not enrolled: node-1 is not let in: it was turned away; ask who runs/);
  expect(coordinator.heard.enrolments).toHaveLength(2);
});

test("enrolment sends nothing to a coordinator whose authority is not the token's", async () => {
  await expect(discoverCa(coordinator.address, "00".repeat(32), 2_000)).rejects.toThrow(/does not show.*new token/);
  expect(coordinator.heard.enrolments).toHaveLength(1);
});
