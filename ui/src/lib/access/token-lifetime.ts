const DAY_SECONDS = 86_400;
const DAYS_MAX = 3_650;

/** How long a token may be good for, as a form offers it: days, or "never" for no end. */
export const TOKEN_LIFETIMES = [
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "1 year"],
  ["never", "no end"],
] as const;

/** The seconds of a choice; 0 for no end. Throws for what no form offers. */
export function lifetimeSeconds(choice: string): number {
  if (choice === "never") return 0;
  const days = Number(choice);
  if (!Number.isInteger(days) || days < 1 || days > DAYS_MAX) throw new RangeError(`no lifetime: ${choice}`);
  return days * DAY_SECONDS;
}
