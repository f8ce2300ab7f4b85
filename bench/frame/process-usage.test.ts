import { expect, test } from "vitest";
import { ticksOf } from "./process-usage.ts";

test("the time that a process has used is read past whatever its name holds", () => {
  expect(ticksOf("42 (a) b) S 1 42 42 0 -1 4194560 900 0 0 0 250 50 0 0 20 0 7 0 100 1 2")).toBe(300);
});
