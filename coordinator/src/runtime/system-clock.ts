import { openSync, readSync } from "node:fs";
import { sparinglyAsked } from "./boot-clock.ts";
import type { Clock } from "./clock.ts";

/** Node's timers are signed 32-bit milliseconds; a longer delay is cut in pieces. */
const TIMER_MAX_MS = 0x7fffffff;

/**
 * CLOCK_BOOTTIME as /proc/uptime tells it (steps of 10 ms, rounded down). Node's own monotonic clock stops while the machine is
 * suspended: a leader that wakes would take the lease that another one has taken over meanwhile for its own. Where there is
 * no /proc that clock is all there is.
 */
function bootClock(): () => number {
  let fd: number;
  try {
    fd = openSync("/proc/uptime", "r");
  } catch {
    return () => performance.now();
  }
  const buffer = Buffer.alloc(64);
  const uptimeMs = (): number => {
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    return Math.round(Number.parseFloat(buffer.toString("latin1", 0, length)) * 1_000);
  };
  return sparinglyAsked(uptimeMs, { monotonicMs: () => performance.now(), wallMs: () => Date.now() });
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  bootMs: bootClock(),
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
