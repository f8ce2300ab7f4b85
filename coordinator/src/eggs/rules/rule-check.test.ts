import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitRules } from "./rule.ts";
import { brokenRule, isRequired, PatternBudget, uncheckedRules } from "./rule-check.ts";

const broken = (line: string, value: string) => brokenRule(splitRules(line), value, new PatternBudget());

describe("a value is taken or refused as Laravel would", () => {
  test.each([
    ["required|string|max:5", ["abcde", "é🎮abc"], ["abcdef"]],
    ["required|numeric|max:65535", ["65535", "1e3", "-1", " 5 "], ["65536", "x", "1,5"]],
    ["required|integer|between:1,100", ["1", "100", "+5"], ["0", "101", "1.5", "007"]],
    ["string|min:3", ["abc", "123"], ["ab", "12"]],
    ["numeric|min:3", ["3", "100"], ["2"]],
    ["size:4", ["abcd"], ["abc", "abcde"]],
    ["digits_between:1,2", ["1", "12"], ["123", "a", "1.", "-1"]],
    ["digits:4", ["2024"], ["202", "20244"]],
    ["boolean", ["0", "1", "true", "false"], ["2", "yes"]],
    ["in:true,false", ["true", "false"], ["True", "1"]],
    ['in:"a,b",c', ["a,b", "c"], ["a", "b"]],
    ["in:,EasyMode", ["EasyMode"], ["Easy"]],
    ["not_in:root", ["admin"], ["root"]],
    ["alpha_dash|max:32|min:4", ["ab_c-d", "Überland"], ["a b c", "abc"]],
    ["alpha_num", ["abc1"], ["a-1"]],
    ["alpha:ascii", ["abc"], ["é"]],
    ["Nullable|string|max:3", ["abc"], ["abcd"]],
    ["digitsBetween:1,2", ["12"], ["123"]],
    ["regex:/^([\\w\\d._-]+)(\\.jar)$/|max:80", ["server.jar"], ["server.jar.exe", "server"]],
    ["nullable|regex:/^(true|false)$/i|max:5", ["TRUE", "false"], ["maybe"]],
    ["regex:/b/", ["abc"], ["ac"]],
    ["not_regex:/\\s/", ["abc"], ["a b"]],
    ["regex:~^[a-z/]+$~", ["a/b"], ["A"]],
    ["regex:/^\\p{L}+$/u", ["é"], ["1"]],
    ["regex:/\\A[a-f0-9]{4}\\z/", ["00ff"], ["00ffg"]],
    ["url", ["https://example.org/x?y"], ["example.org", "https://"]],
    ["ip", ["10.0.0.1", "::1"], ["10.0.0.256"]],
    ["ipv4", ["10.0.0.1"], ["::1"]],
    ["ipv6", ["::1"], ["10.0.0.1"]],
    ["email", ["a@b.org"], ["a@b@c", "a"]],
    ["starts_with:http://,https://", ["https://x"], ["ftp://x"]],
    ["ends_with:.jar", ["a.jar"], ["a.zip"]],
    ["doesnt_start_with:-", ["a"], ["-a"]],
    ["json", ['{"a":1}'], ["{"]],
    ["uuid", ["8d0b4a20-3f0e-4b7e-9d56-0a4b1c2d3e4f"], ["8d0b"]],
    ["decimal:1,2", ["1.5", "1.25"], ["1", "1.125"]],
    ["multiple_of:5", ["10"], ["12"]],
    ["lowercase", ["abc"], ["Abc"]],
    ["gt:5|numeric", ["6"], ["5"]],
  ] as const)("%s", (line, taken, refused) => {
    for (const value of taken) expect([value, broken(line, value)]).toEqual([value, null]);
    for (const value of refused) expect([value, broken(line, value)]).toEqual([value, expect.stringMatching(/^must /)]);
    expect(uncheckedRules(splitRules(line))).toEqual([]);
  });
});

test("blanks alone break nothing; whether there must be a value is another question", () => {
  expect(broken("required|integer|min:5", " ")).toBeNull();
  expect(isRequired(["string", "Required"])).toBe(true);
  expect(isRequired(["nullable", "required_if:A,1"])).toBe(false);
});

test("a rule that is unknown, or whose parameters make no sense, is called unchecked and refuses nothing", () => {
  const odd = [
    ...["required_if:A,1", "timezone", "max:lots", "between:1", "in", "digits:-1", "unique:servers", "constructor"],
    ...["regex:no delimiters", "regex:/(?R)/", "regex:/a/x", "regex:/[[:alpha:]]/", "regex:/(/", "regex:/\\Ga/"],
    ...["regex:/((((a{0,99}){0,99}){0,99}){0,99})b/", `regex:/${"a".repeat(2_000)}/`],
  ];
  expect(uncheckedRules([...odd, "required", "string", ""])).toEqual(odd);
  for (const rule of odd) expect(brokenRule([rule], "anything", new PatternBudget())).toBeNull();
});

test("a pattern that backtracks for ever is given up, and all of an egg's together take a bounded time", () => {
  const budget = new PatternBudget();
  const evil = Array.from({ length: 100 }, () => "regex:/^(a+)+$/");
  const before = process.cpuUsage();
  for (let variable = 0; variable < 20; variable += 1) {
    expect(brokenRule(evil, `${"a".repeat(64)}!`, budget)).toMatch(/^cannot be checked: .*takes too long/);
  }
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1_000).toBeLessThan(10_000);
});

test("no reason repeats the value", () => {
  const rules = fc.constantFrom("integer", "max:3", "in:a,b", "email", "digits:2", "regex:/^x$/", "json", "boolean");
  fc.assert(
    fc.property(
      rules,
      fc.string({ minLength: 4, maxLength: 20 }).filter((text) => text.trim().length > 12),
      (rule, value) => {
        expect(brokenRule([rule], value, new PatternBudget()) ?? "").not.toContain(value);
      },
    ),
  );
});

test("rules on a line come apart and go together as they were, a pattern's bars left alone", () => {
  expect(splitRules("required|regex:/^(a|b)\\/$/i|max:3")).toEqual(["required", "regex:/^(a|b)\\/$/i", "max:3"]);
  expect(splitRules("regex:/a|b|max:3")).toEqual(["regex:/a", "b", "max:3"]);
  expect(splitRules("not_regex: {a|b}  |string")).toEqual(["not_regex: {a|b}  ", "string"]);
  expect(splitRules("regex:/a\\\\|b\\/|c/|in:1")).toEqual(["regex:/a\\\\|b\\/|c/", "in:1"]);
  expect(splitRules("regex:|x")).toEqual(["regex:", "x"]);
  expect(splitRules("")).toEqual([]);
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom("regex:/", "/", "max:3", "not_regex:{a"))), (parts) => {
      const line = parts.join("|");
      expect(splitRules(line).join("|")).toBe(line);
    }),
  );
});

test("a line is taken apart in one pass, however often its pattern could have ended", () => {
  // Half a megabyte of an egg; to look at the whole again for each part would take minutes.
  const parts = Array.from({ length: 250_000 }, () => "a");
  expect(splitRules(`regex:/${parts.join("|")}`)).toHaveLength(parts.length);
});
