import type { Command } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { WorkloadStatus } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { FoundImage } from "../runtime/container-runtime.ts";
import type { Health } from "./workload-status.ts";

/** Commands that may wait for one container; above it they are refused. */
export const SLOT_WAITING_MAX = 16;

/** What goes along with the outcome of a command. */
export type SeenOfCommand = { readonly status?: WorkloadStatus; readonly image?: FoundImage };

const NO_HEALTH: Health = { kind: "none", detail: "" };

/**
 * What the executor holds of one container: the line of operations, one at a time, and what its health check said last.
 */
export class ContainerSlot {
  readonly containerId: string;
  health: Health = NO_HEALTH;
  /** The state and epoch that were reported last; a report of the same is not sent again. */
  reported = "";
  /** What the command at work has found out, for its result. */
  seen: SeenOfCommand = {};
  /** True while an operation runs whose result tells of the end itself. */
  busy = false;
  /** True from a start's last look until the runtime has answered: a copy may appear although none is listed yet. */
  appearing = false;
  /** Counts operations: what was seen before the present one began may speak of a copy that is gone. */
  turn = 0;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #watch: AbortController | null = null;
  #wait: AbortController | null = null;
  #grace: AbortController | null = null;
  /** Something in the line ends the container without a grace; until the line is empty. */
  #killed = false;

  constructor(containerId: string) {
    this.containerId = containerId;
  }

  /** True when one more operation would be above the bound. */
  get full(): boolean {
    return this.#waiting >= SLOT_WAITING_MAX;
  }

  get idle(): boolean {
    return this.#waiting === 0;
  }

  /** Runs the operation after those before it; it must not throw. */
  enqueue(operation: () => Promise<void>): Promise<void> {
    this.#waiting += 1;
    const run = this.#tail.then(async () => {
      this.busy = true;
      this.turn += 1;
      try {
        await operation();
      } finally {
        this.busy = false;
        this.#waiting -= 1;
        if (this.#waiting === 0) this.#killed = false;
      }
    });
    this.#tail = run.catch(() => undefined);
    return run;
  }

  /** Opens a wait that `cutWait` ends: a stop must not wait until a start's budget is used up. */
  openWait(): AbortSignal {
    this.#wait = new AbortController();
    return this.#wait.signal;
  }

  cutWait(): void {
    this.#wait?.abort();
    this.#wait = null;
  }

  /** Opens the grace of a stop: aborted when what still runs shall be killed at once. */
  openGrace(): AbortSignal {
    this.#grace = new AbortController();
    if (this.#killed) this.#grace.abort();
    return this.#grace.signal;
  }

  /**
   * A command that may run waits behind the operation at work. What ends the container does not wait for a preparation, or for a
   * start that still hopes to become healthy; what ends it without a grace does not wait for the grace of a stop either.
   */
  makeWay({ action }: Command): void {
    if (action.case !== "stop" && action.case !== "remove") return;
    this.cutWait();
    if (action.case === "stop" && action.value.graceMs > 0) return;
    this.#killed = true;
    this.#grace?.abort();
  }

  /** Ends the health watch before, and answers the signal of a new one. */
  openWatch(): AbortSignal {
    this.#watch?.abort();
    this.#watch = new AbortController();
    return this.#watch.signal;
  }

  endWatch(): void {
    this.#watch?.abort();
    this.#watch = null;
    this.health = NO_HEALTH;
  }
}
