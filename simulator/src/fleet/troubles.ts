import type { SimulatedClock } from "../clock/simulated-clock.ts";

type Trouble = { active: number; endedMs: number };

/** Of what faults were brought over, by name, and since when nothing is wrong with it. */
export class Troubles {
  readonly #time: SimulatedClock;
  readonly #of = new Map<string, Trouble>();

  constructor(time: SimulatedClock) {
    this.#time = time;
  }

  /** Something is wrong with it from now on; the answer ends that. */
  begin(name: string): () => void {
    const trouble = this.#of.get(name) ?? { active: 0, endedMs: 0 };
    this.#of.set(name, trouble);
    trouble.active += 1;
    return () => {
      trouble.active -= 1;
      trouble.endedMs = this.#time.nowMs();
    };
  }

  /** True time since which nothing was wrong with it: minus infinity when nothing ever was, infinity while something is. */
  calmSinceMs(name: string): number {
    const trouble = this.#of.get(name);
    if (!trouble) return Number.NEGATIVE_INFINITY;
    return trouble.active > 0 ? Number.POSITIVE_INFINITY : trouble.endedMs;
  }
}
