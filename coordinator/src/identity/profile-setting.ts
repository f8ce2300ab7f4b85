import { Refusal } from "../domain/refusal.ts";

/** The tag as the standard spells it ("de-ch" is de-CH); empty stays empty. Refusals: invalid_argument. */
export function knownLocale(tag: string): string {
  if (tag === "") return "";
  try {
    const [canonical = ""] = Intl.getCanonicalLocales(tag);
    // Well-formed is not enough: of "xx-nonsense" nothing would ever be shown.
    if (Intl.DateTimeFormat.supportedLocalesOf(canonical).length === 1) return canonical;
  } catch {
    // Not even well-formed.
  }
  throw new Refusal("invalid_argument", `there is no language ${tag}`, 'name one such as "en-GB", "de-CH" or "fr"', {
    field: "locale",
  });
}

/** The time zone as the IANA spells it ("europe/zurich" is Europe/Zurich); empty stays empty. Refusals: invalid_argument. */
export function knownTimeZone(name: string): string {
  if (name === "") return "";
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions();
    // An offset such as "+01:00" knows no summer time, and browsers differ on it.
    if (!/^[+-]/.test(timeZone)) return timeZone;
  } catch {
    // There is none of that name.
  }
  throw new Refusal(
    "invalid_argument",
    `there is no time zone ${name}`,
    'name one of the IANA\'s, such as "Europe/Zurich" or "UTC"',
    { field: "time_zone" },
  );
}
