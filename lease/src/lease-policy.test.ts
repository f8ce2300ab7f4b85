import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CLOCK_RATE_ERROR_MAX,
  completePolicy,
  DECISION_BUDGET_MS,
  failoverBound,
  LEASE_PROFILES,
  type LeasePolicy,
  policyProblems,
  waitMs,
} from "./lease-policy.ts";

const policy: fc.Arbitrary<LeasePolicy> = fc
  .record({
    profile: fc.constant("any"),
    intervalMs: fc.integer({ min: 1, max: 10_000 }),
    leaseMs: fc.integer({ min: 1, max: 4_000_000 }),
    killMs: fc.integer({ min: 1, max: 20_000 }),
    unhealthyMs: fc.constant(1),
  })
  .map(completePolicy);

describe("the heartbeat policy", () => {
  test.each(Object.entries(LEASE_PROFILES))(
    "the profile %s is safe, and shows a node unhealthy at the latest when W is over",
    (name, profile) => {
      expect(profile.profile).toBe(name);
      expect(policyProblems(profile)).toEqual([]);
      expect(profile.unhealthyMs).toBeLessThanOrEqual(waitMs(profile));
      expect(profile.voteMs).toBe(profile.leaseMs / 2);
    },
  );

  test("W covers lease and killing whatever the clock rates, and not a millisecond more than rounding adds", () => {
    fc.assert(
      fc.property(policy, (any) => {
        const least = ((any.leaseMs + any.killMs) * (1 + CLOCK_RATE_ERROR_MAX)) / (1 - CLOCK_RATE_ERROR_MAX);
        expect(waitMs(any)).toBeGreaterThanOrEqual(least);
        // Not held against least + 1, which rounds to a whole number where this is a hair above one.
        expect(waitMs(any) - least).toBeLessThan(1);
      }),
      { examples: [[{ ...LEASE_PROFILES.fast, intervalMs: 1, leaseMs: 18, killMs: 39, voteMs: 9, unhealthyMs: 1 }]] },
    );
  });

  test("the bound is the sum of its terms", () => {
    fc.assert(
      fc.property(policy, fc.nat(60_000), (any, startMs) => {
        const { totalMs, terms } = failoverBound(any, startMs);
        expect(terms.map(({ name }) => name)).toEqual(["wait", "heartbeat", "decision", "start"]);
        expect(terms.map(({ ms }) => ms)).toEqual([waitMs(any), any.intervalMs, DECISION_BUDGET_MS, startMs]);
        expect(totalMs).toBe(waitMs(any) + any.intervalMs + DECISION_BUDGET_MS + startMs);
      }),
    );
  });

  test("the profile fast moves a container within 5 s, default within 10 s", () => {
    expect(failoverBound(LEASE_PROFILES.fast, 1_000).totalMs).toBeLessThanOrEqual(5_000);
    expect(failoverBound(LEASE_PROFILES.default, 1_000).totalMs).toBeLessThanOrEqual(10_000);
  });

  test.each([
    [{ leaseMs: 4_799 }, "lease 4799 ms is below 8 heartbeats (8 × 600 ms = 4800 ms)"],
    [{ intervalMs: 49 }, "heartbeat interval 49 ms is below the least, 50 ms"],
    [{ killMs: 99 }, "kill time 99 ms is below the least, 100 ms"],
    [{ leaseMs: 3_600_001 }, "lease 3600001 ms is above the most, 3600000 ms"],
    [{ killMs: 5_001 }, "kill time 5001 ms is above the lease, 5000 ms"],
    [{ voteMs: 1_199 }, "votes of 1199 ms are over before they can be asked twice (2 × 600 ms)"],
    [
      { voteMs: 5_001 },
      "votes outlive the wait: (v + K)(1 + ρ)/(1 − ρ) = (5001 + 1000) × 1.105 = 6633 ms is above (L + K)(1 + ρ)/(1 − ρ) = 6632 ms",
    ],
    [
      { voteMs: 10_000, unhealthyMs: 30_000 },
      "votes outlive the wait: (v + K)(1 + ρ)/(1 − ρ) = (10000 + 1000) × 1.105 = 12158 ms is above (L + K)(1 + ρ)/(1 − ρ) = 6632 ms",
    ],
    [
      { unhealthyMs: 1_199 },
      "unhealthy after 1199 ms is below 2 heartbeats (2 × 600 ms = 1200 ms): a healthy node would be shown so",
    ],
    [{ leaseMs: 0 }, "interval, lease, kill, vote and unhealthy times must be whole milliseconds above zero"],
    [{ killMs: 1.5 }, "interval, lease, kill, vote and unhealthy times must be whole milliseconds above zero"],
    [
      { intervalMs: Number.NaN },
      "interval, lease, kill, vote and unhealthy times must be whole milliseconds above zero",
    ],
  ])("refuses %j and says the arithmetic", (change, problem) => {
    expect(policyProblems({ ...LEASE_PROFILES.default, ...change })).toEqual([problem]);
  });

  test("takes what lies exactly at the bounds", () => {
    expect(policyProblems(completePolicy({ profile: "x", intervalMs: 50, leaseMs: 400, killMs: 100 }))).toEqual([]);
    expect(policyProblems(completePolicy({ profile: "x", intervalMs: 600, leaseMs: 3_600_000, killMs: 100 }))).toEqual(
      [],
    );
  });
});
