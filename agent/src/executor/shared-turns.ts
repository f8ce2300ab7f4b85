import type { Timers } from "../clock/clock.ts";

/** After so much work everything else of the agent has its turn: a few milliseconds. */
export const TURN_WORK = 50_000;

/**
 * Divides work that nobody hurries for into turns of the event loop, all of it together, whoever it is for: in one turn TURN_WORK
 * is done, and what the last part exceeds it by. Parts are done in the order in which they came; who brings one waits for it, so
 * there are as many as there are those who bring them.
 */
export class SharedTurns {
  readonly #timers: Timers;
  readonly #waiting: (() => void)[] = [];
  #done = 0;
  #resting = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Does one part, now or in a later turn. `part` answers how much work it was, and what came of it. */
  do<T>(part: () => { readonly work: number; readonly outcome: T }): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          const { work, outcome } = part();
          this.#done += work;
          resolve(outcome);
        } catch (error) {
          reject(error);
        }
      });
      this.#goOn();
    });
  }

  #goOn(): void {
    while (!this.#resting) {
      const next = this.#waiting.shift();
      if (!next) return;
      next();
      if (this.#done < TURN_WORK) continue;
      this.#resting = true;
      void this.#timers.sleep(0).then(() => {
        [this.#resting, this.#done] = [false, 0];
        this.#goOn();
      });
    }
  }
}
