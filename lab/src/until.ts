import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 20;

/**
 * Asks `probe` until it gives something other than undefined or false, at most for `boundMs`; then fails with `what` and
 * the last error of the probe, if there was one. Errors before that count as "not yet": what is asked may be down.
 */
export async function until<T>(
  what: string,
  boundMs: number,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  pollMs = POLL_MS,
): Promise<T> {
  const endMs = performance.now() + boundMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= endMs) throw new Error(`within ${boundMs} ms it did not happen: ${what}`, { cause: last });
    await delay(pollMs);
  }
}
