const firstMs = 500;
const maxMs = 10_000;
const settledMs = 30_000;

/** How long to wait before a child that died by itself is started again: 0.5 s, doubled each time, at most 10 s. */
export class BackOff {
  #failures = 0;

  /** The wait after a run of `ranMs`. A run of 30 s or more counts as settled and starts the series anew. */
  nextMs(ranMs: number): number {
    if (ranMs >= settledMs) this.#failures = 0;
    const waitMs = Math.min(maxMs, firstMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    return waitMs;
  }

  /** Starts the series anew. */
  reset(): void {
    this.#failures = 0;
  }
}
