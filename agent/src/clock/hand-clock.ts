import type { BootClock, Timers } from "./clock.ts";

/** A clock that moves only when told, with the timers that hang on it. For tests and simulations. */
export type HandClock = BootClock & { readonly timers: Timers; advance(ms: number): void };

/** Starts at `startMs`; `advance` runs every timer that falls due, in order of its time. */
export function handClock(startMs = 1_000): HandClock {
  let nowMs = startMs;
  let waiting: { dueMs: number; run: () => void }[] = [];
  const after: Timers["after"] = (delayMs, run) => {
    const entry = { dueMs: nowMs + Math.max(0, delayMs), run };
    waiting.push(entry);
    return () => {
      waiting = waiting.filter((other) => other !== entry);
    };
  };
  return {
    nowMs: () => nowMs,
    timers: {
      trustedMs: 500,
      after,
      sleep(delayMs, signal) {
        if (signal?.aborted) return Promise.resolve();
        return new Promise((resolve) => {
          const cancel = after(delayMs, resolve);
          signal?.addEventListener("abort", () => {
            cancel();
            resolve();
          });
        });
      },
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const next = waiting.filter((entry) => entry.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
        if (!next) break;
        waiting = waiting.filter((entry) => entry !== next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.run();
      }
      nowMs = untilMs;
    },
  };
}
