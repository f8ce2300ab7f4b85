import { expect, test } from "vitest";
import { appendLines, type LogLine, linesWith, logLinesMax } from "./log-buffer.ts";

const lines = (from: number, count: number): LogLine[] =>
  Array.from({ length: count }, (_, index) => ({ number: from + index, atMs: 0, stream: "stdout", text: "" }));

test("lines are appended until the bound, then the oldest go", () => {
  const full = appendLines(lines(1, logLinesMax - 1), lines(logLinesMax, 1));
  expect(full).toHaveLength(logLinesMax);
  const over = appendLines(full, lines(logLinesMax + 1, 2));
  expect(over).toHaveLength(logLinesMax);
  expect(over[0]?.number).toBe(3);
  expect(over.at(-1)?.number).toBe(logLinesMax + 2);
});

test("more lines than the bound leave the newest of them", () => {
  const over = appendLines(lines(1, 10), lines(11, logLinesMax + 5));
  expect(over).toHaveLength(logLinesMax);
  expect(over[0]?.number).toBe(16);
});

test("nothing new changes nothing", () => {
  const before = lines(1, 2);
  expect(appendLines(before, [])).toBe(before);
});

test("a search finds what lines have somewhere, whatever the case, and an empty one leaves all", () => {
  const [one, two] = ["[Server] Done (3.2s)!", "ann joined"].map((text, number) => ({
    ...{ number, atMs: 0, stream: "stdout" },
    text,
  })) as [LogLine, LogLine];
  expect(linesWith([one, two], " done (")).toEqual([one]);
  expect(linesWith([one, two], "nobody")).toEqual([]);
  expect(linesWith([one, two], " ")).toEqual([one, two]);
});
