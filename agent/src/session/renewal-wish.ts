import type { BootClock, Timers } from "../clock/clock.ts";

/** A coordinator's wish for a renewal before the certificate's age asks for one; one at a time. */
export class RenewalWish {
  readonly #clock: BootClock;
  readonly #random: () => number;
  #dueMs: number | null = null;
  #wake: () => void = () => undefined;

  /** `random`: from [0, 1). */
  constructor(clock: BootClock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** It becomes due after a random part of `withinMs`, unless it is on its way already. */
  ask(withinMs: number): void {
    if (this.#dueMs !== null) return;
    this.#dueMs = this.#clock.nowMs() + withinMs * this.#random();
    this.#wake();
  }

  /** Milliseconds until it is due; infinite where there is none. */
  dueInMs(): number {
    return this.#dueMs === null ? Number.POSITIVE_INFINITY : this.#dueMs - this.#clock.nowMs();
  }

  /** Takes it up: from now on another one counts. Answers whether there was one. */
  take(): boolean {
    const was = this.#dueMs !== null;
    this.#dueMs = null;
    return was;
  }

  /** Sleeps for so long, or until it is asked for, or the signal ends it. */
  async sleep(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
    const asked = new AbortController();
    const stop = (): void => asked.abort();
    this.#wake = stop;
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      await timers.sleep(ms, asked.signal);
    } finally {
      signal.removeEventListener("abort", stop);
      this.#wake = () => undefined;
    }
  }
}
