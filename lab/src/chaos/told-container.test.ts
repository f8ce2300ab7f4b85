import { expect, test } from "vitest";
import { ToldContainer } from "./told-container.ts";

test("what was acknowledged last is wanted, until an answer is missing", () => {
  const told = new ToldContainer("ann-1", false);
  expect([told.wanted, told.mayExist]).toEqual([null, true]);
  told.acknowledged("running");
  expect(told.wanted).toBe("running");
  told.unanswered();
  expect([told.wanted, told.mayExist]).toEqual([null, true]);
  told.acknowledged("gone");
  expect([told.wanted, told.mayExist]).toEqual(["gone", false]);
});

test("one that was not there while an answer was missing is neither wanted nor unwanted, since the wish may still come true", () => {
  const told = new ToldContainer("ann-1", false);
  told.unanswered();
  told.absent();
  expect([told.wanted, told.mayExist]).toEqual([null, false]);
});
