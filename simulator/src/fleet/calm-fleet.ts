import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import { Operator } from "./operator.ts";
import { SimulatedFleet } from "./simulated-fleet.ts";

const CONTAINERS = 6;
const CALM_MS = 10_000;

export type CalmFleet = { readonly fleet: SimulatedFleet; readonly operator: Operator };

/** A fleet whose nodes are enrolled and whose first containers run, before anything has gone wrong; for tests. */
export async function calmFleet(seed: number, nodes: number, policy: LeasePolicy): Promise<CalmFleet> {
  const fleet = new SimulatedFleet({ seed, nodes, policy, otherPolicies: [], leaderTtlMs: 3_000, logged: false });
  const operator = new Operator(fleet);
  for (const coordinator of fleet.coordinators) coordinator.start();
  operator.enrolAll();
  for (let number = 0; number < CONTAINERS; number++) {
    fleet.time.after(CALM_MS / 2 + number * 50, "operator", "create", () => operator.create());
  }
  await fleet.run(CALM_MS);
  return { fleet, operator };
}
