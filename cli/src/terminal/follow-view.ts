import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "../clock.ts";

/** At least this long between two looks, milliseconds, and five times as long as a look takes. */
export const LOOK_PAUSE_MS = 500;
const LOOK_PAUSE_SHARE = 5;
/** A look is taken this often even when no change is heard of, milliseconds. */
export const LOOK_AT_LEAST_MS = 10_000;
/** How long looks may fail in a row, because the coordinator does not answer, before that is the end, milliseconds. */
export const FAILING_MS_MAX = 30_000;

/** What is followed. */
export interface Followed<View> {
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Calls back at every change, until the signal fires; rejects when it cannot go on. */
  readonly changes: (onChange: () => void, signal: AbortSignal) => Promise<void>;
  /** Looks at the thing as it is now. */
  readonly look: () => Promise<View>;
  readonly show: (view: View) => void;
}

/**
 * Shows a thing, and again after every change, until the signal fires. However many changes come, looks take at most a
 * sixth of the time. A coordinator that does not answer is asked again for 30 s; the first look has to succeed.
 */
export async function followView<View>({ clock, signal, changes, look, show }: Followed<View>): Promise<void> {
  const over = new AbortController();
  const stop = () => over.abort();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let failure: unknown;
  let changed = false;
  let wake: () => void = () => {};
  let failingSinceMs: number | undefined;
  try {
    show(await look());
    const feed = changes(() => {
      changed = true;
      wake();
    }, over.signal).catch((error: unknown) => {
      failure ??= error;
      wake();
    });
    let tookMs = 0;
    while (!over.signal.aborted && failure === undefined) {
      await pause(clock, Math.max(LOOK_PAUSE_MS, tookMs * LOOK_PAUSE_SHARE), over.signal);
      if (!changed && failure === undefined && !over.signal.aborted) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(LOOK_AT_LEAST_MS, resolve);
          wake = () => {
            cancel();
            resolve();
          };
          over.signal.addEventListener("abort", wake, { once: true });
        });
        over.signal.removeEventListener("abort", wake);
      }
      if (over.signal.aborted || failure !== undefined) break;
      changed = false;
      const begunMs = clock.nowMs();
      try {
        const view = await look();
        failingSinceMs = undefined;
        if (!over.signal.aborted) show(view);
      } catch (error) {
        failingSinceMs ??= begunMs;
        if (ConnectError.from(error).code !== Code.Unavailable || begunMs - failingSinceMs >= FAILING_MS_MAX)
          throw error;
        changed = true;
      }
      tookMs = clock.nowMs() - begunMs;
    }
    stop();
    await feed;
    if (failure !== undefined && !signal.aborted) throw failure;
  } finally {
    stop();
    signal.removeEventListener("abort", stop);
  }
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
