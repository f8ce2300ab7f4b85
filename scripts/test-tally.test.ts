import { describe, expect, test } from "vitest";
import { closingLine, EMPTY_TALLY, failure, playwrightTally, skipLines, sum } from "./test-tally.ts";

describe("the closing line", () => {
  test("says skipped only when something was", () => {
    expect(closingLine({ ...EMPTY_TALLY, passed: 3 })).toBe("3 passed, 0 failed");
    expect(closingLine(sum([{ ...EMPTY_TALLY, passed: 3, skipped: 2 }, failure("x")]))).toBe(
      "3 passed, 1 failed, 2 skipped",
    );
  });
});

test("skipped tests are told in one line a reason, the most frequent first", () => {
  const skip = (test: string, reason: string) => ({ ...EMPTY_TALLY, skipped: 1, skips: [{ test, reason }] });
  const total = sum([skip("a", "no Chromium"), skip("b", "no Docker"), skip("c", "no Docker")]);
  expect(skipLines(total)).toEqual(["2 skipped: no Docker (first: b)", "1 skipped: no Chromium (a)"]);
});

test("a browser test that passes only on a second try counts as failed, and a broken setup too", () => {
  const spec = (title: string, status: "expected" | "unexpected" | "flaky" | "skipped", description?: string) => ({
    title,
    file: "a.spec.ts",
    tests: [{ status, annotations: description === undefined ? [] : [{ type: "skip", description }] }],
  });
  const tally = playwrightTally({
    suites: [
      {
        title: "a.spec.ts",
        specs: [spec("one", "expected"), spec("two", "flaky")],
        suites: [{ title: "inner", specs: [spec("three", "unexpected"), spec("four", "skipped", "no engine")] }],
      },
    ],
    errors: [{ message: "no config\nstack" }],
  });
  expect(tally).toEqual({
    passed: 1,
    failed: 3,
    skipped: 1,
    failures: ["a.spec.ts > three", "a.spec.ts > two (flaky)", "playwright: no config"],
    skips: [{ test: "a.spec.ts > four", reason: "no engine" }],
  });
});
