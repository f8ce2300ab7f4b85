import type { Clock } from "../../runtime/clock.ts";

/** Resolves delayMs later on the clock. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(delayMs, resolve);
  });
}
