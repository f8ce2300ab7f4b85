/** The row locks of PostgreSQL that the leadership row is taken with. */
export type LockMode = "key share" | "no key update" | "update";

const CONFLICTS: Readonly<Record<LockMode, readonly LockMode[]>> = {
  "key share": ["update"],
  "no key update": ["no key update", "update"],
  update: ["key share", "no key update", "update"],
};

type Claim = { readonly mode: LockMode; readonly granted: () => void };

/** The lock on one row: who conflicts waits in line, behind those who came before. */
export class RowLock {
  readonly #held = new Set<Claim>();
  readonly #waiting: Claim[] = [];

  /** Calls back when the lock is held; the answer gives it back, or gives up waiting. */
  take(mode: LockMode, granted: () => void): () => void {
    const claim: Claim = { mode, granted };
    this.#waiting.push(claim);
    this.#grant();
    return () => {
      this.#held.delete(claim);
      const place = this.#waiting.indexOf(claim);
      if (place >= 0) this.#waiting.splice(place, 1);
      this.#grant();
    };
  }

  #grant(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { mode } = next;
      if ([...this.#held].some((claim) => CONFLICTS[mode].includes(claim.mode))) return;
      this.#waiting.shift();
      this.#held.add(next);
      next.granted();
    }
  }
}
