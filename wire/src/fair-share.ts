/** How many places there are for all holders together, and what one holder may have of them. */
export type FairShareBounds = {
  /** So many places a holder gets whatever the others have, so that nobody is kept out by somebody else. */
  readonly sure: number;
  /** A holder has no more than this. */
  readonly perHolderMax: number;
  /** Beyond the sure ones a place is given only while fewer than this are taken by all together. */
  readonly inAllMax: number;
};

/**
 * Places that many share, counted by holder. Together they have at most `inAllMax`, or `sure` times the number of holders where that
 * is more.
 */
export class FairShare {
  readonly #bounds: FairShareBounds;
  readonly #taken = new Map<string, number>();
  #inAll = 0;

  constructor(bounds: FairShareBounds) {
    this.#bounds = bounds;
  }

  /** Places that are taken, of all holders. */
  get taken(): number {
    return this.#inAll;
  }

  /** Takes a place; null: it has one now, and gives it back once. Otherwise who has too many, with the number of them. */
  take(holder: string): { readonly full: "holder" | "all"; readonly taken: number } | null {
    const { sure, perHolderMax, inAllMax } = this.#bounds;
    const own = this.#taken.get(holder) ?? 0;
    if (own >= perHolderMax) return { full: "holder", taken: own };
    if (own >= sure && this.#inAll >= inAllMax) return { full: "all", taken: this.#inAll };
    this.#taken.set(holder, own + 1);
    this.#inAll += 1;
    return null;
  }

  /** Gives one place back. */
  giveBack(holder: string): void {
    const own = this.#taken.get(holder) ?? 0;
    if (own === 0) return;
    this.#inAll -= 1;
    if (own === 1) this.#taken.delete(holder);
    else this.#taken.set(holder, own - 1);
  }
}
