/** One request of the prober, by the prober's clock in milliseconds. */
export interface Sample {
  /** Rises by one with each request, in the order they were sent. */
  readonly number: number;
  readonly sentMs: number;
  /** When the answer, or the failure, was there. */
  readonly endedMs: number;
  readonly good: boolean;
}

/** How many good answers in a row count as "serves again". */
export const goodInRow = 3;

/** What the samples say about the outage so far. */
export type Outage =
  | { readonly kind: "none" }
  /** Since the last good answer at `lastGoodMs`. */
  | { readonly kind: "away"; readonly lastGoodMs: number }
  | { readonly kind: "over"; readonly lastGoodMs: number; readonly backMs: number; readonly downtimeMs: number };

/**
 * Measures an outage: from the last good answer before it to the first of three good ones in a row after it. Requests
 * overlap, so samples come in any order of ending; they are put in the order of sending, and only as far as no request
 * is still open before them. Holds a bounded number of samples: those after the first gap, and the last three.
 */
export class DowntimeMeter {
  /** Ended, but sent after one that is still open. At most as many as the prober has in flight. */
  readonly #waiting = new Map<number, Sample>();
  #next: number;
  #lastGoodMs: number | undefined;
  #isAway = false;
  #row: Sample[] = [];
  #over: Outage | undefined;
  #fromMs = Number.POSITIVE_INFINITY;

  /** Counting begins with this request number. */
  constructor(firstNumber = 0) {
    this.#next = firstNumber;
  }

  /** Says when the cause of the outage came: what failed before is not part of it. Until then there is no outage. */
  arm(fromMs: number): void {
    this.#fromMs = fromMs;
  }

  /** Takes a sample. Each number is to be given once. */
  add(sample: Sample): void {
    this.#waiting.set(sample.number, sample);
    for (let due = this.#waiting.get(this.#next); due !== undefined; due = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next);
      this.#next += 1;
      this.#take(due);
    }
  }

  #take(sample: Sample): void {
    if (this.#over !== undefined) return;
    if (!this.#isAway) {
      if (sample.good) this.#lastGoodMs = Math.max(this.#lastGoodMs ?? sample.endedMs, sample.endedMs);
      else if (this.#lastGoodMs !== undefined && sample.endedMs >= this.#fromMs) this.#isAway = true;
      return;
    }
    this.#row = sample.good ? [...this.#row, sample] : [];
    const first = this.#row[0];
    if (first === undefined || this.#row.length < goodInRow || this.#lastGoodMs === undefined) return;
    const downtimeMs = Math.max(0, first.endedMs - this.#lastGoodMs);
    this.#over = { kind: "over", lastGoodMs: this.#lastGoodMs, backMs: first.endedMs, downtimeMs };
  }

  /** Where it stands. A good answer within the outage that is not the first of three does not end it. */
  get outage(): Outage {
    if (this.#over !== undefined) return this.#over;
    if (this.#isAway && this.#lastGoodMs !== undefined) return { kind: "away", lastGoodMs: this.#lastGoodMs };
    return { kind: "none" };
  }
}
