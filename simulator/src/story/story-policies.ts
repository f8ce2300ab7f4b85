import { completePolicy, LEASE_PROFILES, type LeasePolicy } from "@lormas/lease/lease-policy.ts";

/** Policies that fleets begin with: the profiles, and figures of an operator's own. */
export const STORY_POLICIES = {
  ...LEASE_PROFILES,
  // Heartbeats that are close and a quick kill: what a lease confirms ahead reaches farthest, W barely beyond it.
  dense: completePolicy({ profile: "dense", intervalMs: 200, leaseMs: 6_400, killMs: 400 }),
  // Votes that reach as far as they may, and nodes that are called unhealthy as soon as they may be.
  extreme: completePolicy({
    profile: "extreme",
    ...{ intervalMs: 200, leaseMs: 3_200, killMs: 400, voteMs: 3_200, unhealthyMs: 400 },
  }),
} as const satisfies Record<string, LeasePolicy>;

export type StoryPolicyName = keyof typeof STORY_POLICIES;

/** A prime above the number of policies: whatever that is, every one of them comes, with every number of nodes. */
const STEP = 101;

/** Which of them a seed begins with where none is named. */
export function policyOfSeed(seed: number): LeasePolicy {
  const policies = Object.values(STORY_POLICIES);
  return policies[Math.abs(seed * STEP + 3) % policies.length] ?? STORY_POLICIES.default;
}
