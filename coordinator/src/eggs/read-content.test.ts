import { expect, test } from "vitest";
import { Refusal } from "../domain/refusal.ts";
import { DOCUMENT_BYTES_MAX, documentOf } from "./interchange/document-value.ts";
import { readContent } from "./read-content.ts";
import { PROCESSES_MAX, WAITING_MAX } from "./yaml-process/read-yaml-apart.ts";

const refusalOf = async (text: string): Promise<string> => {
  try {
    await readContent(text);
    return "";
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    expect([thrown.code, thrown.field]).toEqual(["invalid_argument", "content"]);
    expect(thrown.nextStep).not.toBe("");
    return thrown.message;
  }
};

test("JSON and YAML are told apart; a byte order mark is taken off; lines may end in CRLF", async () => {
  expect(await readContent('\ufeff{\r\n "a": "é🎮"\r\n}')).toMatchObject({
    syntax: "json",
    text: '{\r\n "a": "é🎮"\r\n}',
    value: documentOf({ a: "é🎮" }),
  });
  const yaml = "\ufeffa: &x\r\n  - 'it''s'\r\n21: *x\r\nb: |\r\n  one\r\n  \ttwo\r\n";
  expect(await readContent(yaml)).toMatchObject({
    syntax: "yaml",
    value: documentOf({ a: ["it's"], "21": ["it's"], b: "one\n\ttwo\n" }),
  });
});

test("a text of the greatest size is read, and one byte more is refused", async () => {
  const text = (bytes: number) => `{"a":"${"x".repeat(bytes - 8)}"}`;
  expect(await refusalOf(text(DOCUMENT_BYTES_MAX))).toBe("");
  expect(await refusalOf(text(DOCUMENT_BYTES_MAX + 1))).toContain(`at most ${DOCUMENT_BYTES_MAX}`);
});

test.each([
  ["", /empty/],
  ['{"a":}', /line 1, column 6/],
  ["a: b\n\tc: d\n", /line 2/],
  ["# \0\na: b", /NUL/],
])("%j is refused with the place or the reason", async (text, reason) => {
  expect(await refusalOf(text)).toMatch(reason);
});

test("YAML that makes its reader abort or run for ever is refused, and this process goes on", {
  timeout: 60_000,
}, async () => {
  const nested = refusalOf("- ".repeat(150_000));
  const brackets = refusalOf(`a: ${"[".repeat(200_000)}`);
  const waits = refusalOf("a: [");
  expect(await nested).not.toBe("");
  expect(await brackets).not.toBe("");
  expect(await waits).toContain("line 1");
});

test("as many texts in YAML as may wait are read, one more is refused as busy, and the next is read again", {
  timeout: 60_000,
}, async () => {
  const all = PROCESSES_MAX + WAITING_MAX;
  const outcomes = await Promise.allSettled(Array.from({ length: all + 1 }, () => readContent("a: b")));
  expect(outcomes.slice(0, all).every(({ status }) => status === "fulfilled")).toBe(true);
  expect(outcomes[all]).toMatchObject({ status: "rejected", reason: { code: "busy" } });
  expect(await readContent("a: b")).toMatchObject({ syntax: "yaml" });
});
