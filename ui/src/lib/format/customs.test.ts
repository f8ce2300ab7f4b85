import { afterEach, expect, test } from "vitest";
import { setCustoms } from "./customs.ts";
import { formatClock, formatMoment } from "./time.ts";

afterEach(() => setCustoms({ locale: "", timeZone: "" }));

test("moments are written in the language and the time zone that somebody chose", () => {
  setCustoms({ locale: "de-CH", timeZone: "Asia/Tokyo" });
  expect(formatMoment(Date.UTC(2026, 0, 31, 22, 30))).toMatch(/^01\.02\.2026, 07:30:00/);
  expect(formatClock(Date.UTC(2026, 0, 31, 22, 30))).toBe("07:30:00.000");
});

test("what this browser does not know is left to it, and so is what nobody chose", () => {
  const given = formatMoment(0);
  setCustoms({ locale: "no such tag", timeZone: "Mars/Olympus" });
  expect(formatMoment(0)).toBe(given);
  setCustoms({ locale: "", timeZone: "" });
  expect(formatMoment(0)).toBe(given);
});
