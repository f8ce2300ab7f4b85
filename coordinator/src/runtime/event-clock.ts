/** A long event sees time pass at least this often. */
const HELD_MS_MAX = 1;

/**
 * A clock that asks `read` once for all that one event asks it: the answer is let go of as soon as the event's own code has run
 * (in a microtask), and within it after a millisecond on `monotonicMs`.
 *
 * To ask the kernel costs more than everything else that a heartbeat needs, and each asks several times. What it is good for
 * stays: whatever an event works on had arrived before the answer, so a lease that it grants, though the machine slept within the
 * event, is counted from before the sleep.
 */
export function askedOnceAnEvent(read: () => number, monotonicMs: () => number): () => number {
  let held: { readonly value: number; readonly sinceMs: number } | null = null;
  const letGo = (): void => {
    held = null;
  };
  return () => {
    const nowMs = monotonicMs();
    if (held !== null && nowMs - held.sinceMs < HELD_MS_MAX) return held.value;
    if (held === null) queueMicrotask(letGo);
    held = { value: read(), sinceMs: nowMs };
    return held.value;
  };
}
