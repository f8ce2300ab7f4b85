import type { SimulatedClock } from "./simulated-clock.ts";

export type HostClockOptions = {
  /** Milliseconds that this host counts in a true millisecond. */
  readonly rate: number;
  /** Steps in which boot time is read (/proc/uptime: 10), rounded down. */
  readonly stepMs: number;
  readonly wallOffsetMs: number;
};

/** The wall clock at the beginning of every run, before a host's own error. */
const WALL_START_MS = 1_700_000_000_000;

/** What one host's machine clocks say: boot time since its last boot, and a wall clock that may be set. */
export class HostClock {
  readonly #time: SimulatedClock;
  readonly #rate: number;
  readonly #stepMs: number;
  #bootedMs: number;
  #wallOffsetMs: number;

  constructor(time: SimulatedClock, options: HostClockOptions) {
    this.#time = time;
    this.#rate = options.rate;
    this.#stepMs = options.stepMs;
    this.#wallOffsetMs = options.wallOffsetMs;
    // Hosts have been up for different times, so that a boot time compared across hosts is seen to be wrong.
    this.#bootedMs = -60_000 - Math.abs(options.wallOffsetMs % 1_000_000);
  }

  get rate(): number {
    return this.#rate;
  }

  bootMs(): number {
    const exact = (this.#time.nowMs() - this.#bootedMs) * this.#rate;
    return Math.floor(exact / this.#stepMs) * this.#stepMs;
  }

  /** True time at which this boot's clock shows so much. */
  momentOf(bootMs: number): number {
    return this.#bootedMs + bootMs / this.#rate;
  }

  wallMs(): number {
    return Math.floor(WALL_START_MS + this.#time.nowMs() * this.#rate + this.#wallOffsetMs);
  }

  /** True time in which this host counts so much. */
  trueMs(localMs: number): number {
    return localMs / this.#rate;
  }

  /** Boot time begins anew. */
  reboot(): void {
    this.#bootedMs = this.#time.nowMs();
  }

  setWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}
