import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { DecisionChanges } from "@lormas/coordinator/runtime/decision-store.ts";
import type { HostClock } from "../clock/host-clock.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import { CoordinatorProcess } from "../coordinator/coordinator-process.ts";
import { type Fencing, SimulatedFenceHook } from "../coordinator/simulated-fence-hook.ts";
import type { SimulatedDatabase } from "../database/simulated-database.ts";
import { SimulatedDecisionStore } from "../database/simulated-decision-store.ts";
import type { Network } from "../network/network.ts";
import { SimulatedProcess } from "../process/simulated-process.ts";
import type { RunLog } from "../report/run-log.ts";

export type CoordinatorHostParts = {
  readonly name: string;
  readonly time: SimulatedClock;
  readonly clock: HostClock;
  readonly network: Network;
  readonly database: SimulatedDatabase;
  readonly leaderTtlMs: number;
  readonly random: (concern: string) => SeededRandom;
  readonly log: RunLog;
  /** Null: there is no fence hook. */
  readonly fencing: Fencing | null;
  readonly onCommit: (changes: DecisionChanges, term: number, process: string) => void;
};

/** A machine with a coordinator on it, which is started again when it dies: the data directory, and so the instance, stays. */
export class CoordinatorHost {
  readonly name: string;
  readonly clock: HostClock;
  readonly #parts: CoordinatorHostParts;
  #present: CoordinatorProcess | null = null;
  #starts = 0;

  constructor(parts: CoordinatorHostParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.clock = parts.clock;
  }

  /** The coordinator that lives now; null between a death and the next start. */
  get present(): CoordinatorProcess | null {
    return this.#present?.process.alive ? this.#present : null;
  }

  get leads(): boolean {
    const present = this.present;
    return present?.process.running === true && present.runtime.leading().leader;
  }

  start(): void {
    if (this.present) return;
    this.#starts += 1;
    const { name, time, clock, network, database, leaderTtlMs, random, log, fencing, onCommit } = this.#parts;
    const own = `${name}.${this.#starts}`;
    const process = new SimulatedProcess({ name: own, time, clock, random: random(`timers ${this.#starts}`) });
    const store = new SimulatedDecisionStore({
      process,
      host: name,
      network,
      database,
      onCommit: (changes, term) => onCommit(changes, term, own),
    });
    const coordinator = new CoordinatorProcess({
      process,
      store,
      instance: name,
      leaderTtlMs,
      random: random(`coordinator ${this.#starts}`),
      log,
      fenceHook:
        fencing && new SimulatedFenceHook({ ...fencing, time, process, random: random(`fence hook ${this.#starts}`) }),
    });
    this.#present = coordinator;
    log.note(name, `coordinator starts as ${own}`);
    process.after(0, () => {
      coordinator.start().catch((error: unknown) => {
        log.note(own, `ends: ${error instanceof Error ? error.message : String(error)}`);
        this.crash(1_000);
      });
    });
  }

  /** SIGKILL; it is started again so much later. */
  crash(backAfterMs: number): void {
    const { time, name } = this.#parts;
    this.present?.process.kill();
    time.after(backAfterMs, name, "start", () => this.start());
  }
}
