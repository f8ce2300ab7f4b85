import type { Clock } from "./clock.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { RuntimeLog } from "./runtime-log.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

export type RepeatedDecisionPorts = {
  readonly clock: Clock;
  readonly loop: Pick<DecisionLoop, "submit">;
  readonly term: () => number | null;
  readonly log: RuntimeLog;
  readonly everyMs: number;
  /** What is to be decided now; null: nothing. */
  readonly due: () => ((work: UnitOfWork) => void) | null;
  /** For the log, when a decision could not be stored; the next look tries again. */
  readonly complaint: string;
};

/** Looks again and again, while this coordinator leads, whether something is to be decided; one decision at a time. */
export class RepeatedDecision {
  readonly #ports: RepeatedDecisionPorts;
  #cancel: (() => void) | null = null;
  #deciding = false;
  #stopped = true;

  constructor(ports: RepeatedDecisionPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#stopped = false;
    this.#later();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Looks now; nothing is begun while the last decision is still being committed, however long that takes. */
  look(): void {
    const { loop, term, due, log, complaint } = this.#ports;
    if (this.#deciding || term() === null) return;
    const decide = due();
    if (!decide) return;
    this.#deciding = true;
    loop
      .submit(decide)
      .catch((error: unknown) => log.warn({ error }, complaint))
      .finally(() => {
        this.#deciding = false;
      });
  }

  #later(): void {
    if (this.#stopped) return;
    this.#cancel = this.#ports.clock.schedule(this.#ports.everyMs, () => {
      this.look();
      this.#later();
    });
  }
}
