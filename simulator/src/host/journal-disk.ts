import type { JournalFile } from "@lormas/agent/journal/journal-file.ts";
import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";

/** How long an fsync takes. */
const SYNC_MIN_MS = 0.3;
const SYNC_MAX_MS = 25;

type Write = { readonly before: string; readonly text: string; readonly whole: boolean };

/**
 * The disk that holds a node's journal. What was synced survives everything; what was being written when its process or
 * the power went is there, not there, or torn.
 */
export class JournalDisk {
  readonly #time: SimulatedClock;
  readonly #random: SeededRandom;
  readonly #host: string;
  #content = "";
  #writing: Write | null = null;
  /** Syncs take up to so much longer. */
  slowMaxMs = 0;

  constructor(time: SimulatedClock, random: SeededRandom, host: string) {
    this.#time = time;
    this.#random = random;
    this.#host = host;
  }

  /** The journal's file as one process has it open. */
  fileOf(process: SimulatedProcess): JournalFile {
    return {
      path: `${this.#host}:journal.log`,
      read: async () => this.#content,
      replace: (text) => this.#write(process, { before: "", text, whole: true }),
      append: (text) => this.#write(process, { before: this.#content, text, whole: false }),
      close: async () => undefined,
    };
  }

  /** The process that was writing has ended, or the power is gone. */
  crash(): void {
    const write = this.#writing;
    this.#writing = null;
    if (!write || this.#random.chance(0.4)) return;
    if (write.whole || this.#random.chance(0.7)) this.#content = write.before + write.text;
    else this.#content = write.before + write.text.slice(0, this.#random.below(write.text.length));
  }

  #write(process: SimulatedProcess, write: Write): Promise<void> {
    return new Promise((resolve) => {
      process.emit(() => {
        this.#writing = write;
        let syncMs = this.#random.between(SYNC_MIN_MS, SYNC_MAX_MS);
        if (this.slowMaxMs > 0) syncMs += this.#random.logBetween(1, this.slowMaxMs);
        this.#time.after(syncMs, this.#host, "sync", () => {
          if (this.#writing !== write) return;
          this.#writing = null;
          this.#content = write.before + write.text;
          process.enter(resolve);
        });
      });
    });
  }
}
