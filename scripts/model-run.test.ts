import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { repositoryRoot } from "./bootstrap.mjs";
import { MODEL_QUESTIONS } from "./model-questions.ts";
import { answerIn } from "./model-run.ts";

const report = (errors: number, before = ""): string =>
  `${before}\nState-vector 108 byte, depth reached 106456, errors: ${errors}\n   251751 states, stored\n` +
  "pan: elapsed time 10.4 seconds\n";

describe("what spin printed", () => {
  test("no error over all states: it holds, with its figures", () => {
    expect(answerIn(report(0))).toMatchObject({ outcome: "holds", states: 251_751, seconds: 10.4 });
  });

  test("a broken assertion: it fails", () => {
    expect(answerIn(report(1, "pan:1: assertion violated (copies<=1) (at depth 9)")).outcome).toBe("fails");
  });

  test.each([
    "error: max search depth too small",
    "Warning: Search not completed",
    "pan: out of memory",
    "pan was ended by SIGKILL; its bound is 240 s",
  ])("no error, but not all states (%s): unknown", (text) => {
    expect(answerIn(report(0, text)).outcome).toBe("unknown");
  });

  test.each(["pan:1: invalid end state (at depth 3)", "pan:1: block in d_step seq (at depth 3)"])(
    "an error that is no broken assertion (%s): unknown",
    (text) => {
      expect(answerIn(report(1, text)).outcome).toBe("unknown");
    },
  );

  test("nothing at all: unknown", () => {
    expect(answerIn("").outcome).toBe("unknown");
  });
});

test("every question is about a model that is there, and is asked once", () => {
  for (const { model } of MODEL_QUESTIONS) {
    expect(existsSync(join(repositoryRoot, "docs", "model", `${model}.pml`)), model).toBe(true);
  }
  const asked = MODEL_QUESTIONS.map(({ model, defines }) => [model, ...defines].join(" "));
  expect(new Set(asked).size).toBe(asked.length);
});
