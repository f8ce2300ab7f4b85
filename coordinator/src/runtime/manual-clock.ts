import { AsyncResource } from "node:async_hooks";
import type { Clock } from "./clock.ts";

type Timer = { readonly dueMs: number; readonly order: number; readonly callback: () => void };

/** A clock that stands still until it is moved; for tests. Timers fire in the order of their moments, in the scope of who armed them. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();
  readonly #wallStartMs: number;

  constructor(wallStartMs = 1_700_000_000_000) {
    this.#wallStartMs = wallStartMs;
  }

  bootMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = {
      dueMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      callback: AsyncResource.bind(callback),
    };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on by so much; after each timer, `settle` lets what it set off finish before the next moment comes. */
  async advance(byMs: number, settle: () => Promise<void>): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#next(untilMs); next; next = this.#next(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  #next(untilMs: number): Timer | undefined {
    return [...this.#timers]
      .filter((timer) => timer.dueMs <= untilMs)
      .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
  }
}
