/** The kernel is asked at least this often. */
const HELD_MS_MAX = 10;
/** What two clocks may say differently about the same short time, milliseconds. */
const APART_MS_MAX = 1;

export type OtherClocks = {
  /** Stands still while the machine sleeps. */
  readonly monotonicMs: () => number;
  /** Goes on while the machine sleeps, and may be set by anybody. */
  readonly wallMs: () => number;
};

type Look = { readonly monotonicMs: number; readonly wallMs: number };
type Answer = Look & { readonly bootMs: number };

/**
 * A clock that goes on while the machine sleeps, and asks `read` for the time only where it has to: up to HELD_MS_MAX after an
 * answer it adds what has passed on the monotonic clock, as long as as much has passed on the wall clock. In whole milliseconds;
 * never after the time that `read` would tell by more than its own step, and never backwards.
 *
 * To ask the kernel costs more than everything else that a heartbeat needs. What it is good for stays: a leader that
 * wakes, or that was stopped, sees at once that its lease is over. A sleep could be overlooked only where somebody sets the wall
 * clock back by the very length of it, to a millisecond, before the process has run for ten.
 */
export function sparinglyAsked(read: () => number, { monotonicMs, wallMs }: OtherClocks): () => number {
  let held: Answer | null = null;
  let lastMs = Number.NEGATIVE_INFINITY;
  const look = (): Look => ({ monotonicMs: monotonicMs(), wallMs: wallMs() });

  function ask(before: Look): number {
    const bootMs = read();
    const after = look();
    // Where the process was stopped, or the machine slept, in between, nobody knows how old the answer is.
    const since = after.monotonicMs - before.monotonicMs;
    const meanwhile = Math.max(since, Math.abs(after.wallMs - before.wallMs));
    held = meanwhile <= APART_MS_MAX ? { ...after, bootMs } : null;
    return bootMs;
  }

  return () => {
    const now = look();
    const passedMs = held === null ? 0 : now.monotonicMs - held.monotonicMs;
    const holds =
      held !== null && passedMs < HELD_MS_MAX && Math.abs(now.wallMs - held.wallMs - passedMs) <= APART_MS_MAX;
    lastMs = Math.max(lastMs, holds && held !== null ? held.bootMs + Math.floor(passedMs) : ask(now));
    return lastMs;
  };
}
