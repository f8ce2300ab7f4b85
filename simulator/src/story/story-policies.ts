import { completePolicy, LEASE_PROFILES, type LeasePolicy } from "@lormas/lease/lease-policy.ts";

/** Policies that fleets begin with: the profiles, and figures of an operator's own. */
export const STORY_POLICIES = {
  ...LEASE_PROFILES,
  // Heartbeats that are close and a quick kill: what a lease confirms ahead reaches farthest, W barely beyond it.
  dense: completePolicy({ profile: "dense", intervalMs: 200, leaseMs: 6_400, killMs: 400 }),
} as const satisfies Record<string, LeasePolicy>;

export type StoryPolicyName = keyof typeof STORY_POLICIES;
