/** How often ages on the page are redrawn. */
const tickMs = 500;
/** A clock that differs by less is not corrected: the Date header has a resolution of one second. */
const toleranceMs = 2_000;

/** Waits, or ends early without an error when the signal is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** Runs once after `ms`; the answer cancels it. */
export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** Runs every `ms` until the answer is called. */
export function every(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms);
  return () => clearInterval(timer);
}

/** A number in [0, 1). */
export function random(): number {
  return Math.random();
}

/**
 * The coordinator's time as far as a page can know it: ages compare its stamps with this, so that a laptop whose clock
 * is wrong does not show a healthy node as silent.
 */
class Clock {
  #now = $state(Date.now());
  #offsetMs = 0;
  #users = 0;
  #stop: (() => void) | undefined;

  /** Milliseconds since 1970, redrawn twice a second while somebody uses the clock. */
  get now(): number {
    return this.#now;
  }

  /** The exact present, for code that does not draw. */
  read(): number {
    return Date.now() + this.#offsetMs;
  }

  /** Ticks until the answer is called; users are counted. */
  use(): () => void {
    this.#users += 1;
    this.#now = this.read();
    this.#stop ??= every(tickMs, () => {
      this.#now = this.read();
    });
    return () => {
      this.#users -= 1;
      if (this.#users > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  /** Corrects the clock by an answer's Date header; a missing or unreadable one changes nothing. */
  align(dateHeader: string | null): void {
    const serverMs = Date.parse(dateHeader ?? "");
    if (Number.isNaN(serverMs)) return;
    const offsetMs = serverMs - Date.now();
    this.#offsetMs = Math.abs(offsetMs) > toleranceMs ? offsetMs : 0;
    this.#now = this.read();
  }
}

/** The page's clock. */
export const clock = new Clock();
