import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BUILDS_MAX,
  LINE_CHARS_MAX,
  LinePattern,
  PATTERN_CHARS_MAX,
  PATTERN_WEIGHT_MAX,
  readyLineOf,
  SEARCH_WORK_MAX,
} from "./line-pattern.ts";

const found = (source: string, line: string): boolean => {
  const pattern = LinePattern.of(source);
  if (pattern === null) throw new Error(`${source} was refused`);
  return pattern.foundIn(line);
};

describe("a pattern of a line", () => {
  test.each([
    ["Done", "[12:00:01] Done (3.2s)! For help", true],
    ["^Done", "[12:00:01] Done", false],
    ["Done$", "Done!", false],
    ["Done \\(\\d+\\.\\d+s\\)", "Done (13.204s)! For help", true],
    ["Done \\(\\d+\\.\\d+s\\)", "Done (13s)!", false],
    ["(?i)server (is )?(ready|up)", "SERVER UP", true],
    ["(?i)server (is )?(ready|up)", "server is down", false],
    ["[^a-c]x[\\]\\-]", "bx-dx]", true],
    ["[^a-c]x[\\]\\-]", "bx-", false],
    ["[]a]+", "]", true],
    ["a{2,3}b", "ab aab", true],
    ["^a{2,3}b", "aaaab", false],
    ["a{2,}b", "aaaaab", true],
    ["(?:ab|cd)*e", "ababcde", true],
    ["^(ab|cd)+$", "abcda", false],
    ["", "anything", null],
    [".*?listening", "now listening", true],
    ["^$", "", true],
    ["a{,2}", "a{,2}", true],
  ])("%s in %j: %s", (source, line, expected) => {
    if (expected === null) expect(LinePattern.of(source)).toBeNull();
    else expect(found(source, line)).toBe(expected);
  });

  test.each([
    "(a)\\1",
    "(?=a)b",
    "(?<!a)b",
    "a**",
    "(",
    ")",
    "[a",
    "a{3,2}",
    "\\bword",
    "[[:alpha:]]",
    "(?<name>a)",
    "+a",
  ])("%s, which is not known or none, is refused", (source) => {
    expect(LinePattern.of(source)).toBeNull();
  });

  test("says of random expressions and lines what JavaScript's own say", () => {
    const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\d", "1", "(?:ab)", "(?:a|1)", "(?:a*b)");
    const piece = fc.tuple(atom, fc.constantFrom("", "*", "+", "?", "{1,2}", "{2}")).map(([one, many]) => one + many);
    const source = fc
      .tuple(fc.constantFrom("", "^"), fc.array(piece, { minLength: 1, maxLength: 5 }), fc.constantFrom("", "$"))
      .map(([start, pieces, end]) => start + pieces.join("") + end);
    const line = fc.array(fc.constantFrom("a", "b", "1", "c"), { maxLength: 12 }).map((all) => all.join(""));
    fc.assert(
      fc.property(source, line, (expression, text) => {
        expect(found(expression, text)).toBe(new RegExp(expression).test(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test("an expression on which a backtracking engine never ends is done with the longest line at once", () => {
    const pattern = LinePattern.of("^(a+)+(a|aa)*.*.*.*b$");
    const line = "a".repeat(LINE_CHARS_MAX * 2);
    expect(pattern?.foundIn(line)).toBe(false);
    const works = [...(pattern?.search(line) ?? [])];
    expect(works.reduce((sum, work) => sum + work, 0)).toBeLessThan(200_000);
  });

  test("an expression at the bound of its steps is taken and one above is refused", () => {
    expect(LinePattern.of("(?:a{255}){2}")).not.toBeNull();
    expect(LinePattern.of("(?:a{256}){2}")).toBeNull();
    expect(LinePattern.of("a{256}")).not.toBeNull();
    expect(LinePattern.of("a{257}")).toBeNull();
    expect(LinePattern.of(`[${"a".repeat(PATTERN_CHARS_MAX - 2)}]`)).not.toBeNull();
    expect(LinePattern.of(`[${"a".repeat(PATTERN_CHARS_MAX - 1)}]`)).toBeNull();
    expect(LinePattern.of(`${"(".repeat(40)}a${")".repeat(40)}`)).toBeNull();
  });

  test.each(["{256}", "{256,}", "{0,256}", "+", "*"])(
    "nothing repeated by %s, at any depth, is read at once",
    (many) => {
      for (let depth = 1; depth <= 40; depth += 1) {
        const pattern = LinePattern.of("(?:".repeat(depth) + `)${many}`.repeat(depth));
        expect(pattern?.builds ?? 0).toBeLessThan(2_000);
      }
      expect(LinePattern.of("(?:(?:(?:){256}){256}){256}")?.foundIn("any")).toBe(true);
    },
  );

  test("an expression of more parts than the bound is refused, however few steps they make", () => {
    const nothings = (count: number) => LinePattern.of(`(?:a${"(?:)".repeat(count)}){250}`);
    expect(nothings(60)?.builds).toBeLessThanOrEqual(BUILDS_MAX);
    expect(nothings(250)).toBeNull();
  });

  test("an expression at the bound of its weight is taken and one above is refused", () => {
    const members = (count: number) => `[${"a".repeat(count)}]`;
    expect(LinePattern.of(`${members(819)}{5}`)?.weight).toBe(PATTERN_WEIGHT_MAX);
    expect(LinePattern.of(`${members(819)}{5}b`)).toBeNull();
  });

  test.each(["(?:a?){255}c", "^(?:a|a|a|a|a)*b", `[${"b".repeat(816)}a]{4}(?:a|b?)*c`, "(?:(?:a?)*){60}$b"])(
    "%s is looked for in parts of bounded work",
    (source) => {
      const pattern = LinePattern.of(source);
      if (pattern === null) throw new Error("it was refused");
      const line = "a".repeat(LINE_CHARS_MAX);
      const works = [...pattern.search(line)];
      expect(works.length).toBeGreaterThan(1);
      expect(Math.max(...works)).toBeLessThanOrEqual(SEARCH_WORK_MAX);
      const inAll = works.reduce((sum, work) => sum + work, 0);
      expect(inAll).toBeLessThanOrEqual(4 * pattern.weight * (LINE_CHARS_MAX + 1));
    },
  );

  test("only the first characters of a long line count", () => {
    expect(found("end", `${"x".repeat(LINE_CHARS_MAX - 3)}end`)).toBe(true);
    expect(found("end", `${"x".repeat(LINE_CHARS_MAX - 2)}end`)).toBe(false);
  });
});

test("a line without the prefix is a text, whatever stands in it, and so is the prefix alone", () => {
  expect(readyLineOf(")! For help, type ")).toEqual({ text: ")! For help, type " });
  expect(readyLineOf("regex:")).toEqual({ text: "regex:" });
  expect(readyLineOf("regex:Done.*")).toHaveProperty("pattern");
  expect(readyLineOf("regex:(?=Done)")).toBeNull();
});
