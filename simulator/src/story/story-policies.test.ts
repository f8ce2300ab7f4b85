import { policyProblems } from "@lormas/lease/lease-policy.ts";
import { expect, test } from "vitest";
import { policyOfSeed, STORY_POLICIES } from "./story-policies.ts";

test("seeds in a row begin with every policy alike, each of which is safe", () => {
  const names = Object.keys(STORY_POLICIES);
  const drawn = Array.from({ length: 10 * names.length }, (_, seed) => policyOfSeed(seed).profile);
  for (const name of names) expect(drawn.filter((profile) => profile === name)).toHaveLength(10);
  // Those of one number of nodes too, which also follows from the seed.
  for (let rest = 0; rest < 6; rest++) {
    const some = Array.from({ length: names.length }, (_, n) => policyOfSeed(6 * n + rest).profile);
    expect(new Set(some).size).toBe(names.length);
  }
  for (const policy of Object.values(STORY_POLICIES)) expect(policyProblems(policy)).toEqual([]);
});
