import { expect, test } from "vitest";
import { median, percentile } from "./percentile.ts";

test("a percentile is a value that was measured, in whatever order", () => {
  const values = [5, 1, 4, 2, 3];
  expect([0, 0.2, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([1, 1, 3, 5, 5]);
  expect(values).toEqual([5, 1, 4, 2, 3]);
});

test("the median of an even number of values lies between the two in the middle", () => {
  expect([[3, 1, 2], [4, 1, 2, 9], [7]].map(median)).toEqual([2, 3, 7]);
});

test("99 of 100 values are not above the 99th percentile", () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(percentile(values, 0.99)).toBe(99);
});

test("nothing measured has no percentile", () => {
  expect(() => percentile([], 0.5)).toThrow("nothing was measured");
});
