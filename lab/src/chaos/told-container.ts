/** What people want of a container. */
export type Wanted = "running" | "stopped" | "gone";

/** What one container is to be, as far as it was acknowledged. */
export class ToldContainer {
  readonly name: string;
  #wanted: Wanted;
  #certain: boolean;
  #givenUp = false;

  /** @param acknowledged false when nobody knows whether it was created */
  constructor(name: string, acknowledged: boolean) {
    this.name = name;
    this.#wanted = "running";
    this.#certain = acknowledged;
  }

  /** What was acknowledged last; null while an answer is missing. */
  get wanted(): Wanted | null {
    return this.#certain ? this.#wanted : null;
  }

  /** It was, or may still be, there, and is worth a wish. */
  get mayExist(): boolean {
    return !this.#givenUp && !(this.#certain && this.#wanted === "gone");
  }

  acknowledged(wanted: Wanted): void {
    this.#wanted = wanted;
    this.#certain = true;
  }

  /** The answer was lost on its way: from here on both are right. */
  unanswered(): void {
    this.#certain = false;
  }

  /**
   * It was said not to be there while an answer is missing. A wish that nobody waits for any more may come true after that, as
   * one that lay before a stopped coordinator does: whether it is there in the end stays open, and nothing more is asked of it.
   */
  absent(): void {
    this.#givenUp = true;
  }
}
