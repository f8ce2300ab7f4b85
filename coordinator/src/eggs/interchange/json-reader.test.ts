import fc from "fast-check";
import { expect, test } from "vitest";
import { DocumentFault } from "./document-fault.ts";
import { DOCUMENT_DEPTH_MAX, DOCUMENT_VALUES_MAX, documentOf, plainData } from "./document-value.ts";
import { readJson } from "./json-reader.ts";
import { writeJson } from "./json-writer.ts";

const faultOf = (text: string): string => {
  try {
    readJson(text);
    return "";
  } catch (thrown) {
    if (!(thrown instanceof DocumentFault)) throw thrown;
    return thrown.message;
  }
};

test("it reads what JSON.parse reads, and what it writes is read as the same", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.boolean(), (text, pretty) => {
      fc.pre(text.isWellFormed() && !text.includes("\\u0000") && !/\\ud[89a-f]/i.test(text));
      const { value } = readJson(text);
      expect(value).toEqual(documentOf(JSON.parse(text)));
      expect(readJson(writeJson(value, pretty)).value).toEqual(value);
    }),
  );
});

test("whatever the text is, it is read or refused with the place and a reason, and nothing else is thrown", () => {
  const piece = fc.oneof(
    fc.constantFrom("{", "}", "[", "]", '"', ":", ",", "\\", "\\u12", "1e999", "-", "true"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join("");
      const fault = faultOf(text);
      if (fault !== "") expect(fault).toMatch(/^line \d+, column \d+: ./);
    }),
    { numRuns: 500 },
  );
});

test("keys keep their order, numbers among them, and those of Object.prototype are keys like others", () => {
  const { value } = readJson('{"21":"a","8":"b","__proto__":{"constructor":1},"toString":2}');
  expect([...(value as Map<string, unknown>).keys()]).toEqual(["21", "8", "__proto__", "toString"]);
  expect(writeJson(value, false)).toBe('{"21":"a","8":"b","__proto__":{"constructor":1},"toString":2}');
  expect(Object.keys(plainData(value) as object)).toContain("__proto__");
  expect(({} as Record<string, unknown>)["constructor"]).toBe(Object);
});

test("whole numbers that no double holds come out to the digit", () => {
  const text = '{"steam":76561198000000001,"small":-9007199254740993,"one":1}';
  expect(writeJson(readJson(text).value, false)).toBe(text);
});

test("a key that stands twice is told, and the last one counts", () => {
  const { value, repeatedKeys } = readJson('{"a":1,"b":2,"a":3}');
  expect(repeatedKeys).toEqual(["a"]);
  expect(value).toEqual(documentOf({ a: 3, b: 2 }));
});

test("the deepest document is read and one level more is refused, as is the deepest text there can be", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  expect(faultOf(nested(DOCUMENT_DEPTH_MAX))).toBe("");
  expect(faultOf(nested(DOCUMENT_DEPTH_MAX + 1))).toContain("levels within one another");
  expect(faultOf("[".repeat(700_000))).toContain("levels within one another");
});

test("as many values as may be are read and one more is refused", () => {
  const flat = (values: number) => `[${Array.from({ length: values - 1 }, () => "0").join()}]`;
  expect(faultOf(flat(DOCUMENT_VALUES_MAX))).toBe("");
  expect(faultOf(flat(DOCUMENT_VALUES_MAX + 1))).toContain("values");
});

test.each([
  ['{"a":"\\u0000"}', "NUL"],
  ['{"a":"\\ud83c"}', "surrogate"],
  ['{"a":"b\nc"}', "control character"],
  ['{"a":1}x', "something follows"],
  ["", "too early"],
  ["{'a':1}", "double quotes"],
])("%j is refused for its %s", (text, reason) => {
  expect(faultOf(text)).toContain(reason);
});
