import { LEASE_PROFILES, policyProblems } from "@lormas/lease/lease-policy.ts";
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

test("unsafe figures are refused with the whole arithmetic", () => {
  const refused = refusal(() => chosenPolicy({ profile: "custom", leaseMs: 4_000 }, LEASE_PROFILES.default));
  expect(refused).toMatchObject({ code: "unsafe_policy", field: "policy" });
  expect(refused.message).toContain("8 × 600 ms = 4800 ms");
  expect(refused.message).toContain("W = (L + K)(1 + ρ)/(1 − ρ) = 5527 ms");
});

test("a profile that does not exist, or figures for one that ships, are refused by name", () => {
  expect(refusal(() => chosenPolicy({ profile: "toString" }, LEASE_PROFILES.default)).message).toContain("toString");
  const figures = refusal(() => chosenPolicy({ profile: "fast", killMs: 300 }, LEASE_PROFILES.default));
  expect(figures.code).toBe("invalid_argument");
});
