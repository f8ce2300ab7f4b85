import { expect, test } from "vitest";
import { figureTable, shown } from "./figure-table.ts";
import { atLeast, atMost, beside, plain } from "./section.ts";

test("every figure stands beside its reference, with the ratio, and says what was missed", () => {
  const table = figureTable([
    beside("CPU", 30, "%", { name: "bare echo", value: 20 }, 1.6),
    beside("memory", 400, "MB", { name: "bare echo", value: 200 }, 1.8),
    atMost("false downs", 0, "", 0),
    atLeast("decisions", 1_200, "/s", 1_000),
    plain("start", Number.POSITIVE_INFINITY, "ms"),
  ]);
  expect(table.split("\n")).toEqual([
    "figure       value  unit  reference               ratio",
    "CPU             30  %     20 bare echo            1.5 ×  met",
    "memory         400  MB    200 bare echo             2 ×  MISSED",
    "false downs      0        0 must be at most              met",
    "decisions    1,200  /s    1,000 must be at least  1.2 ×  met",
    "start        never  ms",
  ]);
});

test.each([
  [1_234_567.8, "1,234,568"],
  [123.4, "123"],
  [12.34, "12.3"],
  [1.234, "1.23"],
  [0.012_34, "0.012"],
  [0, "0"],
  [2.5, "2.5"],
])("%d is shown as %s", (value, words) => {
  expect(shown(value)).toBe(words);
});
