import type { Clock } from "@lormas/coordinator/runtime/clock.ts";

/** The clock that the coordinator's own parts are given here. Its wall clock can be moved, to make certificates of another time. */
export class SuiteClock implements Clock {
  /** Added to the wall clock, in milliseconds. */
  shiftMs = 0;

  bootMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now() + this.shiftMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(delayMs, resolve);
    });
  }
}
