import { expect, test } from "vitest";
import { knownLocale, knownTimeZone } from "./profile-setting.ts";

test("a language is kept as the standard spells it, and one that there is not is refused by field", () => {
  expect(["de-ch", "en", "fr-FR", ""].map(knownLocale)).toEqual(["de-CH", "en", "fr-FR", ""]);
  for (const wrong of ["xx-nonsense", "qqq", "-", "de_CH", "de--CH"]) {
    expect(() => knownLocale(wrong), wrong).toThrow(
      expect.objectContaining({ code: "invalid_argument", field: "locale" }),
    );
  }
});

test("a time zone is kept as the IANA spells it, and one that there is not is refused by field", () => {
  expect(["europe/zurich", "UTC", ""].map(knownTimeZone)).toEqual(["Europe/Zurich", "UTC", ""]);
  for (const wrong of ["Europe/Atlantis", "+01:00", "Mars", "../etc"]) {
    expect(() => knownTimeZone(wrong), wrong).toThrow(
      expect.objectContaining({ code: "invalid_argument", field: "time_zone" }),
    );
  }
});
