import type { Clock } from "./clock.ts";
import { type DecisionStore, type HealthSample, StaleTermError } from "./decision-store.ts";
import type { FleetState } from "./fleet-state.ts";
import type { NodeWatch } from "./node-watch.ts";
import type { RuntimeLog } from "./runtime-log.ts";

const EVERY_MS = 5_000;

export type HealthFlushPorts = {
  readonly store: Pick<DecisionStore, "flushHealth">;
  readonly state: Pick<FleetState, "node">;
  readonly watch: Pick<NodeWatch, "signs" | "nodeIds" | "liveNode">;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  /** Null while nothing may be stored: this coordinator does not lead, or its database does not answer. */
  readonly term: () => number | null;
  /** The database knows a newer term than this one. */
  readonly overruled: (term: number) => void;
};

/** Stores again and again what is known of the nodes' health, for those who read it elsewhere and for the next leader. */
export class HealthFlush {
  readonly #ports: HealthFlushPorts;
  #cancel: (() => void) | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(ports: HealthFlushPorts) {
    this.#ports = ports;
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#ports.clock.schedule(EVERY_MS, () => {
      this.#flushing = this.#flush().finally(() => this.start());
    });
  }

  /** Begins no other; resolves when the one that is under way has ended. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    const { store, clock, log, overruled } = this.#ports;
    const term = this.#ports.term();
    if (term === null) return;
    try {
      await store.flushHealth(term, this.#samples(), clock.wallMs());
    } catch (error) {
      if (error instanceof StaleTermError) return overruled(term);
      log.warn({ error }, "the nodes' health could not be stored; it is in memory and is stored next time");
    }
  }

  // Made as they are stored, a statement's worth at a time. A node may be removed meanwhile.
  *#samples(): Iterable<HealthSample> {
    const { state, watch } = this.#ports;
    const signsOf = watch.signs();
    for (const nodeId of [...watch.nodeIds()]) {
      const [node, live] = [state.node(nodeId), watch.liveNode(nodeId)];
      if (!node || !live) continue;
      yield {
        nodeId,
        status: node.snapshot.value,
        lastHeartbeatAtMs: live.lastHeartbeatWallMs,
        usage: live.usage,
        confirmedEpoch: signsOf(nodeId).confirmedEpoch,
      };
    }
  }
}
