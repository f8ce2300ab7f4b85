/** The first and the last moment that people and PostgreSQL write alike: of the years 1 to 9999, in UTC. Milliseconds. */
export const MOMENT_MIN_MS = Date.parse("0001-01-01T00:00:00Z");
export const MOMENT_MAX_MS = Date.parse("9999-12-31T23:59:59.999Z");

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d)))?$/i;

/**
 * The moment that a text names as RFC 3339 writes it, to the millisecond; a date alone is its first moment in UTC. Null for whatever is
 * none: another form, a day that its month does not have, a year outside of 1 to 9999 once it is in UTC, a leap second.
 */
export function momentOf(text: string): Date | null {
  const parts = RFC3339.exec(text);
  if (parts === null) return null;
  const number = (index: number): number => Number(parts[index] ?? "0");
  const [year, month, day] = [number(1), number(2), number(3)];
  const [hour, minute, second, offsetHour, offsetMinute] = [number(4), number(5), number(6), number(9), number(10)];
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return null;
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  // What does not come back as it was written is a day that there is not.
  if (at.getUTCFullYear() !== year || at.getUTCMonth() !== month - 1 || at.getUTCDate() !== day) return null;
  at.setUTCHours(hour, minute, second, Number((parts[7] ?? "").padEnd(3, "0").slice(0, 3)));
  const ahead = (offsetHour * 60 + offsetMinute) * 60_000 * (parts[8] === "-" ? -1 : 1);
  return boundedMoment(at.getTime() - ahead);
}

/** The moment at that many milliseconds since 1970; null outside of the years 1 to 9999. */
export function boundedMoment(ms: number): Date | null {
  return ms >= MOMENT_MIN_MS && ms <= MOMENT_MAX_MS ? new Date(ms) : null;
}
