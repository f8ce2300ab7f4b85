/** What people want of a container. */
export type Wanted = "running" | "stopped" | "gone";

/** What one container is to be, as far as it was acknowledged. */
export class ToldContainer {
  readonly name: string;
  #wanted: Wanted;
  #certain: boolean;

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

  /** It was, or may still be, there. */
  get mayExist(): boolean {
    return !(this.#certain && this.#wanted === "gone");
  }

  acknowledged(wanted: Wanted): void {
    this.#wanted = wanted;
    this.#certain = true;
  }

  /** The answer was lost on its way: from here on both are right. */
  unanswered(): void {
    this.#certain = false;
  }
}
