import { expect, test } from "vitest";
import { FairShare } from "./fair-share.ts";

const bounds = { sure: 2, perHolderMax: 4, inAllMax: 6 };
const take = (share: FairShare, holder: string, times: number) =>
  Array.from({ length: times }, () => share.take(holder)?.full ?? "taken");

test("a holder gets its sure places however many the others have, and no holder more than its bound", () => {
  const share = new FairShare(bounds);
  expect(take(share, "greedy", 5)).toEqual(["taken", "taken", "taken", "taken", "holder"]);
  expect(take(share, "two", 3)).toEqual(["taken", "taken", "all"]);
  expect(share.taken).toBe(bounds.inAllMax);
  expect(take(share, "three", 3)).toEqual(["taken", "taken", "all"]);
  expect(share.take("greedy")).toEqual({ full: "holder", taken: 4 });
  expect(share.take("two")).toEqual({ full: "all", taken: 8 });
});

test("what is given back can be taken again, and nothing is remembered of who has nothing", () => {
  const share = new FairShare(bounds);
  take(share, "one", 4);
  share.giveBack("one");
  expect(take(share, "one", 2)).toEqual(["taken", "holder"]);
  for (let at = 0; at < 9; at += 1) share.giveBack("one");
  share.giveBack("nobody");
  expect(share.taken).toBe(0);
  expect(take(share, "two", 4)).toEqual(["taken", "taken", "taken", "taken"]);
});
