/** Lines that are remembered, for this page alone: they may hold what nobody else should read. */
export const historyMax = 50;

/** What was sent before, as a shell offers it: up goes back, down comes forward again to what was being typed. */
export class LineHistory {
  #lines: readonly string[] = [];
  /** How far back it is looked; 0: at what is being typed. */
  #back = 0;
  #draft = "";

  /** Takes in what was sent; the same line twice in a row counts once. */
  add(line: string): void {
    if (this.#lines.at(-1) !== line) this.#lines = [...this.#lines, line].slice(-historyMax);
    this.#back = 0;
    this.#draft = "";
  }

  /** The line before; null when there is none. `shown` is what stands in the field now. */
  older(shown: string): string | null {
    if (this.#back >= this.#lines.length) return null;
    if (this.#back === 0) this.#draft = shown;
    this.#back += 1;
    return this.#lines.at(-this.#back) ?? null;
  }

  /** The line after, at last what was being typed; null when that is shown already. */
  newer(): string | null {
    if (this.#back === 0) return null;
    this.#back -= 1;
    return this.#back === 0 ? this.#draft : (this.#lines.at(-this.#back) ?? null);
  }
}
