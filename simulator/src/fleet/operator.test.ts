import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { expect, test } from "vitest";
import { type CalmFleet, calmFleet } from "./calm-fleet.ts";

const POLICY = LEASE_PROFILES.fast;
/** A seed whose fleet has no fence hook, which would need nobody's word. */
const WITHOUT_HOOK = 2;

/** Two of three nodes fall silent together, so that the death of neither can be proven. */
async function suspended(calm: CalmFleet, silence: (index: number) => void): Promise<void> {
  const { fleet } = calm;
  for (const index of [0, 1]) silence(index);
  await fleet.run(fleet.time.nowMs() + 6 * waitMs(POLICY));
  expect(fleet.counts["nodes declared dead"]).toBe(0);
}

test("the word that nodes are off is given for hosts without power, and moves what they ran", async () => {
  const calm = await calmFleet(WITHOUT_HOOK, 3, POLICY);
  const { fleet, operator } = calm;
  await suspended(calm, (index) => fleet.nodes[index]?.powerOff());
  operator.wish("override", 1);
  await fleet.run(fleet.time.nowMs() + 5_000);
  expect(fleet.violation).toBeNull();
  expect(fleet.counts).toMatchObject({ overrides: 1, "nodes declared dead": 2 });
  expect(fleet.counts.failovers).toBeGreaterThan(0);
});

test("it is not given for hosts that are cut off and run on", async () => {
  const calm = await calmFleet(WITHOUT_HOOK, 3, POLICY);
  const { fleet, operator } = calm;
  await suspended(calm, (index) => {
    const name = fleet.nodes[index]?.name ?? "";
    for (const host of fleet.coordinators) fleet.network.cut(name, host.name);
  });
  operator.wish("override", 1);
  await fleet.run(fleet.time.nowMs() + 5_000);
  expect(fleet.violation).toBeNull();
  expect(fleet.counts).toMatchObject({ overrides: 0, "nodes declared dead": 0 });
});
