import type { BootClock, Timers } from "../clock/clock.ts";

/**
 * The time that a command has, counted on the boot clock from its receipt; 0 ms: as long as it takes. `up` is called once, at
 * the moment at which it is over, unless `end` was called before.
 */
export class CommandTime {
  readonly timeoutMs: number;
  readonly #clock: BootClock;
  readonly #endMs: number;
  readonly #over = new AbortController();
  readonly #cancel: () => void;
  readonly #up: () => void;
  #ended = false;

  constructor(timeoutMs: number, clock: BootClock, timers: Timers, up: () => void) {
    this.timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#up = up;
    this.#endMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : clock.nowMs() + timeoutMs;
    this.#cancel = timeoutMs === 0 ? () => undefined : timers.after(timeoutMs, () => this.#fire());
  }

  /** Aborted when the time is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** True once it is over; a timer that is late, after a suspend for example, is not waited for. */
  get isUp(): boolean {
    if (!this.#ended && this.#clock.nowMs() >= this.#endMs) this.#fire();
    return this.#over.signal.aborted;
  }

  get leftMs(): number {
    return Math.max(0, this.#endMs - this.#clock.nowMs());
  }

  /** The command is answered; its time does not matter any more. */
  end(): void {
    this.#ended = true;
    this.#cancel();
  }

  #fire(): void {
    if (this.#ended || this.#over.signal.aborted) return;
    this.#cancel();
    this.#over.abort();
    this.#up();
  }
}
