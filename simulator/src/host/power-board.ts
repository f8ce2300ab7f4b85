import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import type { NodeHost } from "./node-host.ts";

/** What a board does with a command, once that has reached it. */
const SWITCH_MIN_MS = 50;
const SWITCH_MAX_MS = 4_000;
/** A host that is reset has its power back at once; of one that is left off somebody takes care later. */
const RESET_SHARE = 0.4;
const RESET_MAX_MS = 2_000;
const BOOT_MIN_MS = 3_000;
const BOOT_MAX_MS = 30_000;

/**
 * The management board of a host: reached over a network of its own, which no fault of the fleet's network touches. It cuts
 * the host off from power, and knows whether it has.
 */
export class PowerBoard {
  readonly #host: NodeHost;
  readonly #time: SimulatedClock;
  readonly #random: SeededRandom;

  constructor(host: NodeHost, time: SimulatedClock, random: SeededRandom) {
    this.#host = host;
    this.#time = time;
    this.#random = random;
  }

  /** How often the host has had its power taken away, or lost it. */
  get offs(): number {
    const { boots, powered } = this.#host;
    return powered ? boots - 1 : boots;
  }

  get off(): boolean {
    return !this.#host.powered;
  }

  /** Cuts the host off, some time from now; calls back when it has. The host is started again later. */
  cut(done: () => void): void {
    const { name } = this.#host;
    const switchMs = this.#random.logBetween(SWITCH_MIN_MS, SWITCH_MAX_MS);
    this.#time.after(switchMs, name, "board switches", () => {
      this.#host.powerOff();
      const offMs = this.#random.chance(RESET_SHARE)
        ? this.#random.between(0, RESET_MAX_MS)
        : this.#random.logBetween(BOOT_MIN_MS, BOOT_MAX_MS);
      this.#time.after(offMs, name, "board starts it", () => this.#host.powerOn());
      done();
    });
  }
}
