import type { Clock } from "../runtime/clock.ts";
import type { RuntimeLog } from "../runtime/runtime-log.ts";
import type { UsageBoard } from "./usage-board.ts";
import { SAMPLES_PER_MINUTE_MAX } from "./usage-period.ts";
import type { UsageStore } from "./usage-sample.ts";

const TICK_MS = 10_000;
/** Samples of one statement. */
export const SAMPLES_PER_STATEMENT = 1_000;
/** Samples that one tick writes at most: twice what comes in a minute, so that the hours' samples get through beside the others. */
export const SAMPLES_PER_TICK = Math.ceil((2 * SAMPLES_PER_MINUTE_MAX * TICK_MS) / 60_000);
/** Of the last ones, at the end of the process. */
const LAST_SAMPLES_MAX = 10_000;

export type UsageRecorderPorts = {
  readonly board: UsageBoard;
  readonly store: UsageStore;
  readonly leading: () => { readonly leader: boolean; readonly term: number };
  readonly clock: Clock;
  readonly log: RuntimeLog;
};

/** Stores what the board has sampled, a few statements at a time, as long as this coordinator leads. */
export class UsageRecorder {
  readonly #ports: UsageRecorderPorts;
  #cancel: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  /** The term of what the board holds; null: none. */
  #term: number | null = null;

  constructor(ports: UsageRecorderPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#cancel = this.#ports.clock.schedule(TICK_MS, () => {
      this.#running = this.tick().finally(() => {
        if (!this.#stopped) this.start();
      });
    });
  }

  /** Ends it; what was sampled last is stored if this coordinator still leads. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#running;
    this.#ports.board.closeAll();
    if (this.#term !== null && this.#ports.leading().term === this.#term) await this.#write(LAST_SAMPLES_MAX);
  }

  /** One look; `start` has it done again and again. Never rejects. */
  async tick(): Promise<void> {
    const { board, clock, leading, log } = this.#ports;
    const { leader, term } = leading();
    if (!leader || (this.#term !== null && this.#term !== term)) board.clear();
    this.#term = leader ? term : null;
    if (!leader) return;
    board.close(clock.wallMs());
    await this.#write(SAMPLES_PER_TICK);
    const dropped = board.takeDropped();
    if (dropped > 0)
      log.warn({ dropped }, "samples of what containers used were dropped: they could not be stored in time");
  }

  async #write(max: number): Promise<void> {
    const { board, store, log } = this.#ports;
    for (let left = max; left > 0; ) {
      const samples = board.take(Math.min(left, SAMPLES_PER_STATEMENT));
      if (samples.length === 0 || this.#term === null) return;
      try {
        await store.append(this.#term, samples);
      } catch (error) {
        board.putBack(samples);
        log.warn({ err: error, samples: samples.length }, "what containers used could not be stored; trying again");
        return;
      }
      left -= samples.length;
    }
  }
}
