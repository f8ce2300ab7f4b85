import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { expect, test } from "vitest";
import type { NodeHost } from "../host/node-host.ts";
import { type CalmFleet, calmFleet } from "./calm-fleet.ts";
import { CONTROL_PLANE } from "./service-watch.ts";

const POLICY = LEASE_PROFILES.default;
const OUTAGE_MS = 4 * POLICY.leaseMs;

/** The control plane dies, `meanwhile` happens one lease later, and it comes back. */
async function outage({ fleet }: CalmFleet, meanwhile: () => void): Promise<void> {
  const beganMs = fleet.time.nowMs();
  fleet.troubles.begin(CONTROL_PLANE);
  for (const host of fleet.coordinators) host.crash(OUTAGE_MS);
  fleet.time.after(POLICY.leaseMs, "world", "meanwhile", meanwhile);
  await fleet.run(beganMs + OUTAGE_MS + 20_000);
}

function cut({ fleet }: CalmFleet, from: NodeHost | undefined, to: NodeHost | undefined): void {
  fleet.network.cut(from?.name ?? "", to?.name ?? "");
}

test("an outage of the control plane that every node lives through is counted, and nothing is killed", async () => {
  const calm = await calmFleet(1, 3, POLICY);
  await outage(calm, () => undefined);
  expect(calm.fleet.violation).toBeNull();
  expect(calm.fleet.counts).toMatchObject({
    "guard kills": 0,
    "dead control planes survived": 1,
    "nodes that survived by votes": 3,
  });
});

test("a node that is cut off from its peers too is killed rightly, and the others are still held to the promise", async () => {
  const calm = await calmFleet(2, 3, POLICY);
  const [one, two, three] = calm.fleet.nodes;
  await outage(calm, () => {
    cut(calm, one, two);
    cut(calm, three, one);
  });
  expect(calm.fleet.violation).toBeNull();
  expect(calm.fleet.counts["guard kills"]).toBeGreaterThan(0);
  expect(calm.fleet.counts).toMatchObject({
    "kills judged": 1,
    "kills not judged": 0,
    "nodes that survived by votes": 2,
  });
});

test("a way that is cut between two nodes excuses no kill where each sees a majority without the other", async () => {
  const calm = await calmFleet(3, 3, POLICY);
  const [one, two] = calm.fleet.nodes;
  await outage(calm, () => cut(calm, one, two));
  expect(calm.fleet.violation).toBeNull();
  expect(calm.fleet.counts).toMatchObject({ "guard kills": 0, "dead control planes survived": 1 });
});

test("an agent that dies while the control plane is away lets nothing be killed", async () => {
  const calm = await calmFleet(4, 3, POLICY);
  await outage(calm, () => calm.fleet.nodes[0]?.agentProcess?.kill());
  expect(calm.fleet.violation).toBeNull();
  expect(calm.fleet.counts).toMatchObject({ "guard kills": 0, "dead control planes survived": 1 });
});
