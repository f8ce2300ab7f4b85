import { after } from "./clock.svelte.ts";

/** How long a hidden tab goes on. */
const hiddenMs = 60_000;

/**
 * Runs something while the tab is looked at: its signal is aborted when the tab has been hidden for a minute, and it is
 * run again when the tab is seen again. A browser opens only six connections to one origin over HTTP/1.1, so streams of
 * forgotten tabs would keep a new one from loading. The answer ends it.
 */
export function whileLookedAt(run: (signal: AbortSignal) => void): () => void {
  let running = new AbortController();
  let cancelPause: (() => void) | undefined;
  const change = () => {
    cancelPause?.();
    cancelPause = undefined;
    if (document.visibilityState === "hidden") cancelPause = after(hiddenMs, () => running.abort());
    else if (running.signal.aborted) {
      running = new AbortController();
      run(running.signal);
    }
  };
  document.addEventListener("visibilitychange", change);
  run(running.signal);
  return () => {
    document.removeEventListener("visibilitychange", change);
    cancelPause?.();
    running.abort();
  };
}
