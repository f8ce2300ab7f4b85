import type { Health, NumberedChange } from "./watch-source.ts";

/** What a watcher gets next. */
export type WatchItem =
  | { readonly kind: "change"; readonly change: NumberedChange }
  | { readonly kind: "health"; readonly health: Health };

/**
 * What waits for one watcher: changes in order up to a bound, and the newest health only. A watcher that reads too slowly
 * is not waited for: at the bound the queue is emptied and ends, so that it holds no memory.
 */
export class WatcherQueue {
  readonly #changesMax: number;
  readonly #overflow: () => Error;
  #changes: NumberedChange[] = [];
  #head = 0;
  #health: Health | null = null;
  #end: { readonly error: Error | null } | null = null;
  #wake: (() => void) | null = null;

  constructor(changesMax: number, overflow: () => Error) {
    this.#changesMax = changesMax;
    this.#overflow = overflow;
  }

  /** How many changes wait. */
  get length(): number {
    return this.#changes.length - this.#head;
  }

  /** Adds a change; at the bound ends the queue with the overflow error instead. */
  offer(change: NumberedChange): void {
    if (this.#end !== null) return;
    if (this.length >= this.#changesMax) {
      this.#changes = [];
      this.#head = 0;
      this.#health = null;
      this.end(this.#overflow());
      return;
    }
    this.#changes.push(change);
    this.#notify();
  }

  /** Puts health in the place of an older one that was not read yet. */
  offerHealth(health: Health): void {
    if (this.#end !== null) return;
    this.#health = health;
    this.#notify();
  }

  /** Ends the queue: with an error, next rejects once what waits has been read; with null it resolves with null. */
  end(error: Error | null): void {
    if (this.#end !== null) return;
    this.#end = { error };
    this.#notify();
  }

  /** The next item; waits for one. Null at the end. One reader at a time. */
  async next(): Promise<WatchItem | null> {
    for (;;) {
      const change = this.#changes[this.#head];
      if (change !== undefined) {
        this.#head += 1;
        // Forget what was read in large steps: shifting each would move all that wait.
        if (this.#head >= 1_024 || this.#head === this.#changes.length) {
          this.#changes = this.#changes.slice(this.#head);
          this.#head = 0;
        }
        return { kind: "change", change };
      }
      if (this.#end !== null) {
        if (this.#end.error !== null) throw this.#end.error;
        return null;
      }
      if (this.#health !== null) {
        const health = this.#health;
        this.#health = null;
        return { kind: "health", health };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
