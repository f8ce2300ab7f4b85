import { expect, test } from "vitest";
import { Refusal } from "../../domain/refusal.ts";
import {
  chosenOrder,
  FILTER_LENGTH_MAX,
  FILTER_TERMS_MAX,
  type FilterFields,
  filterConditions,
} from "./list-filter.ts";

const FIELDS: FilterFields = {
  name: { kind: "text", sql: "name" },
  status: { kind: "word", sql: "status", words: { running: "running", dead: "dead" } },
  ha: { kind: "word", sql: "ha", words: { true: true, false: false } },
  created: { kind: "moment", sql: "created_at" },
  labels: { kind: "labels", sql: "labels" },
};
const read = (filter: string) => filterConditions(filter, FIELDS);
const reason = (filter: string): string => {
  try {
    return JSON.stringify(read(filter));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    expect([error.code, error.field]).toEqual(["invalid_argument", "filter"]);
    return error.message;
  }
};

test("comparisons become conditions of ours with the values as parameters", () => {
  expect(read("")).toEqual([]);
  expect(read(`status = RUNNING AND name : "We b" AND ha=true`)).toEqual([
    { sql: "status = ?", params: ["running"] },
    { sql: "strpos(lower(name), lower(?)) > 0", params: ["We b"] },
    { sql: "ha = ?", params: [true] },
  ]);
  expect(read("created >= 2026-11-30T18:00:00Z AND labels.zone/a != north")).toEqual([
    { sql: "created_at >= ?", params: [new Date("2026-11-30T18:00:00Z")] },
    { sql: "coalesce(labels ->> ?::text, '') != ?", params: ["zone/a", "north"] },
  ]);
  expect(read(String.raw`name = "a\"b\\c"`)[0]?.params).toEqual([String.raw`a"b\c`]);
});

test.each([
  ["nope = 1", "there is nothing called nope"],
  ["constructor = 1", "there is nothing called constructor"],
  ["status = odd", "status is one of running, dead, not"],
  ["status = toString", "status is one of running, dead, not"],
  ["status < running", "status is compared by = !=, not <"],
  ["created = yesterday", "is no moment"],
  ["created < 9999-12-31T23:59:59-14:00", "is no moment"],
  ["created > 0000-01-01T00:00:00Z", "is no moment"],
  ["created = 2026-02-30T00:00:00Z", "is no moment"],
  ['created < "2026-11-30 (x) 10:00"', "is no moment"],
  ["labels = x", "labels wants a key"],
  ["name.x = y", "name has no parts"],
  ["name = a OR name = b", "stands where AND should"],
  ["name = a AND", "stands where AND should"],
  ["name = 'a'", "is no comparison"],
  ["name", "is no comparison"],
  [`name = "${"x".repeat(257)}"`, "is no comparison"],
  [`name = "a\u0000"`, "control characters"],
  ["x".repeat(FILTER_LENGTH_MAX + 1), "more than 1000 characters"],
  [
    Array(FILTER_TERMS_MAX + 1)
      .fill("ha=true")
      .join(" AND "),
    "more than 16 comparisons",
  ],
])("%s is refused with the reason", (filter, why) => expect(reason(filter)).toContain(why));

test("a filter at its bounds is read", () => {
  expect(read(Array(FILTER_TERMS_MAX).fill("ha=true").join(" AND "))).toHaveLength(FILTER_TERMS_MAX);
  expect(read(`name = "${"x".repeat(256)}"`)).toHaveLength(1);
});

test("a filter that is hostile is read in no time", () => {
  const begun = performance.now();
  for (const filter of [`name = "${"\\\\".repeat(490)}`, " ".repeat(1_000), `${"name=a AND ".repeat(80)}`])
    reason(filter);
  expect(performance.now() - begun).toBeLessThan(100);
});

const ORDERS = {
  name: { sql: "name", type: "text", keyOf: (row: { name: string }) => row.name },
  priority: { sql: "priority", type: "int", keyOf: () => "1" },
} as const;

test.each([
  ["", "name", false],
  ["name", "name", false],
  [" priority  desc ", "priority", true],
  ["priority asc", "priority", false],
])("%j orders by %s", (asked, name, descending) => {
  expect(chosenOrder(asked, ORDERS)).toMatchObject({ name, descending });
});

test.each(["nope", "name desc, priority", "name; drop table container", "name DESC", "toString"])(
  "%j is no order",
  (asked) => expect(() => chosenOrder(asked, ORDERS)).toThrow(Refusal),
);
