import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bootClock } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import { coordinatorClient } from "./coordinator-client.ts";
import type { Credentials } from "./credentials.ts";
import { TestCoordinator } from "./test-coordinator.ts";
import { enrolHere } from "./test-enrolment.ts";

/** More than the second after which grpc-js dials again by itself, where it is not told otherwise. */
const REDIAL_MS = 1_800;
/** More than a coordinator takes of one node. */
const DIALS = 12;

const clock = bootClock();
let coordinator: TestCoordinator;
let dataDir: string;
let credentials: Credentials;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-client-"));
  coordinator = await TestCoordinator.start(Date.now);
  credentials = await enrolHere(coordinator, dataDir);
});

afterEach(async () => {
  await coordinator.stop();
  rmSync(dataDir, { recursive: true });
});

test("a dial that was refused is over once it is given up: nothing connects by itself when the coordinator is back", async () => {
  const { port, address } = coordinator;
  await coordinator.stop();
  for (let dial = 0; dial < DIALS; dial += 1) {
    const client = coordinatorClient(address, credentials);
    const call = client.heartbeat();
    await new Promise((refused) => call.once("error", refused));
    client.close();
  }
  await coordinator.listen(port);
  const backMs = clock.nowMs();
  await waitFor("longer than a dial of its own would take", () => clock.nowMs() > backMs + REDIAL_MS);
  expect(coordinator.connections).toBe(0);
}, 20_000);
