/** Bounds of the wait between two attempts. */
export type Backoff = { readonly baseMs: number; readonly capMs: number };

/** What the dashboard reconnects with: soon after a hiccup, at most every 15 s while the coordinator is away. */
export const watchBackoff: Backoff = { baseMs: 500, capMs: 15_000 };

/**
 * Full jitter: anything from 0 to the exponential bound, so that a thousand dashboards do not return at once.
 * `attempt` counts from 0; `random` is in [0, 1).
 */
export function backoffMs(attempt: number, random: number, { baseMs, capMs }: Backoff): number {
  return Math.floor(random * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)));
}
