import { expect, test } from "vitest";
import { historyMax, LineHistory } from "./line-history.ts";

const sent = (...lines: string[]): LineHistory => {
  const history = new LineHistory();
  for (const line of lines) history.add(line);
  return history;
};

test("up goes back through what was sent, down comes forward to what was being typed", () => {
  const history = sent("list", "say hello");
  expect([history.older("sto"), history.older("say hello"), history.older("list")]).toEqual([
    "say hello",
    "list",
    null,
  ]);
  expect([history.newer(), history.newer(), history.newer()]).toEqual(["say hello", "sto", null]);
});

test("who sends stands at the end again, and the same line twice in a row counts once", () => {
  const history = sent("list", "list");
  expect(history.older("")).toBe("list");
  history.add("stop");
  expect([history.older(""), history.older("stop"), history.older("list")]).toEqual(["stop", "list", null]);
});

test(`remembers ${historyMax} lines`, () => {
  const history = sent(...Array.from({ length: historyMax + 1 }, (_, at) => `line ${at}`));
  let oldest = "";
  for (let line = history.older(""); line !== null; line = history.older(line)) oldest = line;
  expect(oldest).toBe("line 1");
});
