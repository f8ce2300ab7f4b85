import { expect, test } from "vitest";
import { commitSeed, seedOfHash } from "./commit-seed.ts";

test("a commit gives the same first seed whenever it is asked, and another commit another", () => {
  expect(seedOfHash("4967797d1c")).toBe(0x4967797);
  expect(seedOfHash("4967798d1c")).toBe(0x4967798);
  expect(commitSeed()).toBe(commitSeed());
});
