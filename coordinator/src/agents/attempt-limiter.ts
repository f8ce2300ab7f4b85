import type { Clock } from "../runtime/clock.ts";

/** Addresses that are remembered; beyond it the one that has been quiet longest is forgotten. */
export const ADDRESSES_MAX = 10_000;

export type AttemptLimits = {
  /** Attempts that may come at once. */
  readonly burst: number;
  /** Milliseconds after which one more is allowed. */
  readonly refillMs: number;
};

/** A token bucket an address, bounded in number. An attempt that succeeded can be given back. */
export class AttemptLimiter {
  readonly #limits: AttemptLimits;
  readonly #clock: Clock;
  /** Credit in milliseconds of refill, which keeps the sums exact. */
  readonly #buckets = new Map<string, { creditMs: number; atMs: number }>();

  constructor(limits: AttemptLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Takes one attempt of an address. 0: go ahead; else the milliseconds until one is allowed again. */
  take(address: string): number {
    const { burst, refillMs } = this.#limits;
    const nowMs = this.#clock.bootMs();
    const known = this.#buckets.get(address);
    const fullMs = burst * refillMs;
    const creditMs = Math.min(fullMs, known === undefined ? fullMs : known.creditMs + (nowMs - known.atMs));
    const allowed = creditMs >= refillMs;
    // Deleted and set again, so that the map's order is the order of use.
    this.#buckets.delete(address);
    this.#buckets.set(address, { creditMs: allowed ? creditMs - refillMs : creditMs, atMs: nowMs });
    if (this.#buckets.size > ADDRESSES_MAX) {
      const [quietest] = this.#buckets.keys();
      if (quietest !== undefined) this.#buckets.delete(quietest);
    }
    return allowed ? 0 : Math.ceil(refillMs - creditMs);
  }

  /** Gives an attempt back that did what it should. */
  giveBack(address: string): void {
    const bucket = this.#buckets.get(address);
    const { burst, refillMs } = this.#limits;
    if (bucket !== undefined) bucket.creditMs = Math.min(burst * refillMs, bucket.creditMs + refillMs);
  }

  get addresses(): number {
    return this.#buckets.size;
  }
}
