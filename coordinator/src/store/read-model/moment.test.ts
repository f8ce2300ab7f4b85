import { expect, test } from "vitest";
import { boundedMoment, MOMENT_MAX_MS, MOMENT_MIN_MS, momentOf } from "./moment.ts";

test.each([
  ["2026-11-30T18:00:00Z", "2026-11-30T18:00:00.000Z"],
  ["2026-11-30t18:00:00.5z", "2026-11-30T18:00:00.500Z"],
  ["2026-11-30T18:00:00.123456789+02:00", "2026-11-30T16:00:00.123Z"],
  ["2026-11-30T18:00:00-05:30", "2026-11-30T23:30:00.000Z"],
  ["2024-02-29", "2024-02-29T00:00:00.000Z"],
  ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
  ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
])("%s is %s", (text, iso) => expect(momentOf(text)?.toISOString()).toBe(iso));

test.each([
  "",
  "yesterday",
  "2026-11-30T18:00:00",
  "2026-11-30 18:00:00Z",
  "2026-11-30 (x) 10:00",
  "2026-02-30T00:00:00Z",
  "2026-02-29",
  "2026-00-01",
  "2026-13-01",
  "2026-01-00",
  "2026-11-30T24:00:00Z",
  "2026-11-30T18:60:00Z",
  "2026-12-31T23:59:60Z",
  "2026-11-30T18:00:00+24:00",
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00+00:01",
  "9999-12-31T23:59:59-14:00",
  "+275760-09-13T00:00:00Z",
])("%j is no moment", (text) => expect(momentOf(text)).toBeNull());

test("milliseconds are a moment up to the bounds, and none beyond", () => {
  expect(boundedMoment(MOMENT_MIN_MS)?.toISOString()).toBe("0001-01-01T00:00:00.000Z");
  expect(boundedMoment(MOMENT_MAX_MS)?.toISOString()).toBe("9999-12-31T23:59:59.999Z");
  for (const ms of [MOMENT_MIN_MS - 1, MOMENT_MAX_MS + 1, Number.NaN, 9e18]) expect(boundedMoment(ms)).toBeNull();
});
