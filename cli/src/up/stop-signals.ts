import type { Clock } from "../clock.ts";

/**
 * One Ctrl-C arrives up to three times (from the terminal, from npm and from the bootstrap): what comes within this
 * time of the first counts as the same.
 */
const sameMs = 700;
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Calls `first` at the first stop signal and `again` at every later one. Returns a function that ends it. */
export function onStopSignals(clock: Clock, first: () => void, again: () => void): () => void {
  let firstMs: number | undefined;
  const handle = () => {
    const nowMs = clock.nowMs();
    if (firstMs === undefined) {
      firstMs = nowMs;
      first();
    } else if (nowMs - firstMs > sameMs) {
      again();
    }
  };
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}
