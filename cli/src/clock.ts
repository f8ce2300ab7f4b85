import { setTimeout as delay } from "node:timers/promises";

/** Where time comes from. Everything else in the CLI takes it as an argument. */
export interface Clock {
  /** Milliseconds on a clock that never steps; only differences mean something. */
  nowMs(): number;
  /** Milliseconds since 1970 on the wall clock. */
  wallMs(): number;
  /** Resolves after `ms`; rejects with an AbortError at once when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls back once after `ms` unless the returned function is called first. */
  after(ms: number, callback: () => void): () => void;
  /** Calls back every `ms` until the returned function is called. */
  every(ms: number, callback: () => void): () => void;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  },
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, callback) => {
    const timer = setInterval(callback, ms);
    return () => clearInterval(timer);
  },
};

/**
 * Asks `condition` every `pollMs` until it gives something other than undefined, at most for `boundMs`.
 * Returns undefined when the bound is reached. An error of the condition ends the wait with that error.
 */
export async function waitFor<T>(
  clock: Clock,
  boundMs: number,
  pollMs: number,
  condition: () => Promise<T | undefined> | T | undefined,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const endMs = clock.nowMs() + boundMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined) return value;
    if (clock.nowMs() >= endMs) return undefined;
    await clock.sleep(pollMs, signal);
  }
}
