import type { Clock } from "./clock.ts";

/** Node's timers are signed 32-bit milliseconds; a longer delay is cut in pieces. */
const TIMER_MAX_MS = 0x7fffffff;

/** The machine's own clocks. */
export const systemClock: Clock = {
  bootMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(delayMs, callback) {
    let timer: NodeJS.Timeout;
    const arm = (remainingMs: number): void => {
      const pieceMs = Math.min(Math.max(0, remainingMs), TIMER_MAX_MS);
      timer = setTimeout(() => (remainingMs > pieceMs ? arm(remainingMs - pieceMs) : callback()), pieceMs);
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
};
