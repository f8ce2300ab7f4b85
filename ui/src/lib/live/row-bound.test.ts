import { expect, test } from "vitest";
import { beyond, ROWS_MAX } from "./row-bound.ts";

test("a list is loaded page by page up to its bound, and says so there", () => {
  expect([beyond(100, "t"), beyond(ROWS_MAX - 1, "t"), beyond(ROWS_MAX, "t")]).toEqual(["more", "more", "too_many"]);
  expect([beyond(0, ""), beyond(ROWS_MAX, "")]).toEqual(["nothing", "nothing"]);
});
