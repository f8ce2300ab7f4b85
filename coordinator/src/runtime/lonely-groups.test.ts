import { expect, test } from "vitest";
import { ALONE_MS, LonelyGroups } from "./lonely-groups.ts";
import { ManualClock } from "./manual-clock.ts";

const rig = () => {
  const clock = new ManualClock();
  return { clock, groups: new LonelyGroups(clock), pass: (ms: number) => clock.advance(ms, async () => {}) };
};

test("a group has long been alone once it was seen so for a minute without a break", async () => {
  const { groups, pass } = rig();
  expect(groups.aloneForLong("a")).toBe(false);
  groups.see(1, ["a"]);
  await pass(ALONE_MS - 1);
  groups.see(1, ["a", "b"]);
  expect(groups.aloneForLong("a")).toBe(false);
  await pass(1);
  expect(groups.aloneForLong("a")).toBe(true);
  expect(groups.aloneForLong("b")).toBe(false);
});

test("a second node ends it: the minute begins anew when that one is gone", async () => {
  const { groups, pass } = rig();
  groups.see(1, ["a"]);
  await pass(ALONE_MS - 1);
  groups.see(1, []);
  groups.see(1, ["a"]);
  await pass(ALONE_MS - 1);
  expect(groups.aloneForLong("a")).toBe(false);
});

test("what was seen in an older term does not count", async () => {
  const { groups, pass } = rig();
  groups.see(1, ["a"]);
  await pass(ALONE_MS);
  expect(groups.aloneForLong("a")).toBe(true);
  groups.see(2, ["a"]);
  expect(groups.aloneForLong("a")).toBe(false);
});
