/**
 * Lets at most `max` tasks run at once; the others wait in order. Its caller bounds how many can wait. A task that waits when its
 * signal is aborted is not run: it rejects with the signal's reason.
 */
export function parallelLimit(max: number): <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  const turn = (signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const admit = () => {
        signal?.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        waiting.splice(waiting.indexOf(admit), 1);
        reject(signal?.reason);
      };
      waiting.push(admit);
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  return async (task, signal) => {
    signal?.throwIfAborted();
    if (running >= max) await turn(signal);
    else running += 1;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      // The place is handed on, so that nobody can slip in between.
      if (next) next();
      else running -= 1;
    }
  };
}
