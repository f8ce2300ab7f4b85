import { describe, expect, test } from "vitest";
import { closingLine, EMPTY_TALLY, failedTest, failure, playwrightTally, skipLines, sum } from "./test-tally.ts";

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
    tests: [
      {
        status,
        annotations: description === undefined ? [] : [{ type: "skip", description }],
        results: status === "skipped" || status === "expected" ? [{}] : [{ error: { message: `no ${title}\n at x` } }],
      },
    ],
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
    failures: ["a.spec.ts > three: no three at x", "a.spec.ts > two (flaky): no two at x", "playwright: no config"],
    skips: [{ test: "a.spec.ts > four", reason: "no engine" }],
  });
});

test("a failed test is told with its reason in one line, without colours and cut", () => {
  expect(failedTest("a > b", "\u001b[31mexpected 1\n  to be 2\u001b[39m").failures).toEqual([
    "a > b: expected 1 to be 2",
  ]);
  expect(failedTest("a > b", undefined).failures).toEqual(["a > b"]);
  expect(failedTest("a", "x".repeat(601)).failures).toEqual([`a: ${"x".repeat(600)} …`]);
  expect(failedTest("a", "x".repeat(600)).failures).toEqual([`a: ${"x".repeat(600)}`]);
});
