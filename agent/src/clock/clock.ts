import { openSync, readFileSync, readSync } from "node:fs";
import { uptime } from "node:os";

/** Time of this machine since it booted, in milliseconds; suspend counts, steps of the wall clock do not. */
export type BootClock = { nowMs(): number };

/** Time of day; for people and certificates only, never for a lease. */
export type WallClock = { now(): Date };

/** Waiting, as an argument, so that tests can move time by hand. */
export type Timers = {
  /**
   * The longest that a deadline of the boot clock may be left to one timer before that clock is read again: a machine's timers
   * stop in suspend, the boot clock does not. Infinity where they go together.
   */
  readonly trustedMs: number;
  /** Calls `run` once after `delayMs`; the answer cancels it (any number of times). */
  after(delayMs: number, run: () => void): () => void;
  /** Resolves after `delayMs`, or at once when the signal is aborted; never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
};

/**
 * CLOCK_BOOTTIME as /proc/uptime tells it (steps of 10 ms, rounded down). Node's own monotonic clock stops in suspend and is
 * not used. Where there is no /proc the system's uptime is read instead.
 */
export function bootClock(): BootClock {
  let fd: number;
  try {
    fd = openSync("/proc/uptime", "r");
  } catch {
    return { nowMs: () => Math.floor(uptime() * 1000) };
  }
  const buffer = Buffer.alloc(64);
  return {
    nowMs() {
      const length = readSync(fd, buffer, 0, buffer.length, 0);
      return Math.round(Number.parseFloat(buffer.toString("latin1", 0, length)) * 1000);
    },
  };
}

/** Names this boot of the machine: boot times of another boot mean nothing. "unknown" where the system does not say. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}

export const wallClock: WallClock = { now: () => new Date() };

/** The longest that one timer of the machine may be set for; longer waits are cut to it and come early. */
const TIMER_MAX_MS = 2_147_483_647;

export const systemTimers: Timers = {
  trustedMs: 500,
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(TIMER_MAX_MS, Math.max(0, delayMs)));
    return () => clearTimeout(timer);
  },
  sleep(delayMs, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(TIMER_MAX_MS, Math.max(0, delayMs)));
      signal?.addEventListener("abort", done, { once: true });
    });
  },
};
