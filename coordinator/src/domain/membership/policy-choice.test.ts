import { completePolicy, LEASE_PROFILES, type LeasePolicy, policyProblems } from "@lormas/lease/lease-policy.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Refusal } from "../refusal.ts";
import { chosenPolicy } from "./policy-choice.ts";

const refusal = (choose: () => unknown): Refusal => {
  try {
    choose();
  } catch (error) {
    if (error instanceof Refusal) return error;
  }
  return expect.fail("it was not refused");
};

test("every profile that ships can be chosen, and keeps whether peers are asked", () => {
  for (const [profile, policy] of Object.entries(LEASE_PROFILES)) {
    expect(chosenPolicy({ profile }, LEASE_PROFILES.default)).toEqual(policy);
    expect(chosenPolicy({ profile }, { ...LEASE_PROFILES.default, survival: false }).survival).toBe(false);
  }
});

test("custom figures are taken over the present ones, with the vote time that follows from them", () => {
  const policy = chosenPolicy({ profile: "custom", leaseMs: 10_000 }, LEASE_PROFILES.default);
  expect(policy).toMatchObject({ profile: "custom", intervalMs: 600, leaseMs: 10_000, killMs: 1_000, voteMs: 5_000 });
  expect(policyProblems(policy)).toEqual([]);
});

test("the vote and unhealthy times may be chosen; those that are not follow from the other figures", () => {
  const chosen = chosenPolicy({ profile: "custom", voteMs: 1_500, unhealthyMs: 12_000 }, LEASE_PROFILES.default);
  expect(chosen).toMatchObject({ intervalMs: 600, leaseMs: 5_000, voteMs: 1_500, unhealthyMs: 12_000 });
  expect(policyProblems(chosen)).toEqual([]);
  expect(chosenPolicy({ profile: "custom", intervalMs: 500 }, chosen)).toMatchObject({
    voteMs: 2_500,
    unhealthyMs: 1_500,
  });
  const tooShort = refusal(() => chosenPolicy({ profile: "custom", voteMs: 1_199 }, LEASE_PROFILES.default));
  expect(tooShort.message).toContain("votes of 1199 ms are over before they can be asked twice (2 × 600 ms)");
  const tooLong = refusal(() => chosenPolicy({ profile: "custom", voteMs: 5_001 }, LEASE_PROFILES.default));
  expect(tooLong.message).toContain("(v + K)(1 + ρ)/(1 − ρ) = (5001 + 1000) × 1.105");
});

test("whatever is granted is safe to agents, who are not told the unhealthy time and check the rest as well", () => {
  const ms = (max: number) => fc.option(fc.integer({ min: 1, max }), { nil: undefined });
  let granted = 0;
  fc.assert(
    fc.property(
      ms(1_500),
      ms(12_000),
      ms(3_000),
      ms(12_000),
      ms(40_000),
      (intervalMs, leaseMs, killMs, voteMs, unhealthyMs) => {
        const given = Object.entries({ intervalMs, leaseMs, killMs, voteMs, unhealthyMs });
        const figures = Object.fromEntries(given.filter(([, value]) => value !== undefined));
        let policy: LeasePolicy;
        try {
          policy = chosenPolicy({ profile: "custom", ...figures }, LEASE_PROFILES.default);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          return;
        }
        granted += 1;
        const { unhealthyMs: _, ...told } = policy;
        expect(policyProblems(completePolicy(told))).toEqual([]);
        expect(policy.voteMs).toBeLessThanOrEqual(policy.leaseMs);
        expect(policy.unhealthyMs).toBeGreaterThanOrEqual(2 * policy.intervalMs);
      },
    ),
    { numRuns: 5_000 },
  );
  expect(granted).toBeGreaterThan(100);
});

test("unsafe figures are refused with the whole arithmetic", () => {
  const refused = refusal(() => chosenPolicy({ profile: "custom", leaseMs: 4_000 }, LEASE_PROFILES.default));
  expect(refused).toMatchObject({ code: "unsafe_policy", field: "policy" });
  expect(refused.message).toContain("8 × 600 ms = 4800 ms");
  expect(refused.message).toContain("W = max((L + K)(1 + ρ)/(1 − ρ), unhealthy) = 5527 ms");
});

test("a profile that does not exist, or figures for one that ships, are refused by name", () => {
  expect(refusal(() => chosenPolicy({ profile: "toString" }, LEASE_PROFILES.default)).message).toContain("toString");
  const figures = refusal(() => chosenPolicy({ profile: "fast", killMs: 300 }, LEASE_PROFILES.default));
  expect(figures.code).toBe("invalid_argument");
});
