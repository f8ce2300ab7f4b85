import { alertKey } from "../domain/alert/alert.ts";
import type { Clock } from "./clock.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { FleetState } from "./fleet-state.ts";
import type { RuntimeLog } from "./runtime-log.ts";
import type { WhatIfBoard, WhatIfSummary } from "./what-if-board.ts";

/** After a change, until it is judged: what follows at once is judged with it. */
const DELAY_MS = 1_000;
/** It takes at most this share of the process's time: a fleet that takes 500 ms to judge is judged every 10 s at most. */
const SHARE = 0.05;
/** Nodes that one alert names. */
const NAMED_MAX = 10;

export type NPlusOneWatchPorts = {
  readonly clock: Clock;
  readonly state: FleetState;
  readonly board: WhatIfBoard;
  readonly loop: Pick<DecisionLoop, "submit">;
  readonly log: RuntimeLog;
};

/** Keeps the alert n_plus_one_lost of every cluster as the committed fleet has it. */
export class NPlusOneWatch {
  readonly #ports: NPlusOneWatchPorts;
  #cancel: (() => void) | null = null;
  #running = false;
  #dirty = false;
  #active = false;

  constructor(ports: NPlusOneWatchPorts) {
    this.#ports = ports;
  }

  /** Begins to watch; the fleet has just been read. */
  start(): void {
    this.#active = true;
    this.changed();
  }

  stop(): void {
    this.#active = false;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Something that decides on placement was committed. */
  changed(): void {
    if (!this.#active) return;
    if (this.#running) {
      this.#dirty = true;
      return;
    }
    const delayMs = Math.max(DELAY_MS, this.#ports.board.costMs / SHARE);
    this.#cancel ??= this.#ports.clock.schedule(delayMs, () => {
      this.#cancel = null;
      void this.#judge();
    });
  }

  async #judge(): Promise<void> {
    this.#running = true;
    try {
      await this.#decide(this.#isAsked() ? (await this.#ports.board.all()).nodes : []);
    } catch (error) {
      this.#ports.log.warn({ error }, "N+1 could not be judged; trying again");
      this.#dirty = true;
    } finally {
      this.#running = false;
      if (this.#dirty) {
        this.#dirty = false;
        this.changed();
      }
    }
  }

  /** Where no cluster asks for N+1 there is nothing to foretell. */
  #isAsked(): boolean {
    return [...this.#ports.state.clusters()].some(({ nPlusOne }) => nPlusOne !== "off");
  }

  async #decide(summaries: readonly WhatIfSummary[]): Promise<void> {
    if (!this.#active) return;
    const { state, loop } = this.#ports;
    const broken = Map.groupBy(
      summaries.filter(({ withoutPlace, policy }) => withoutPlace.length > 0 && policy !== "off"),
      ({ clusterId }) => clusterId,
    );
    const raise = [...broken].filter(([id, nodes]) => {
      return state.unresolvedAlert(alertKey("n_plus_one_lost", id))?.message !== message(state, id, nodes);
    });
    const over = [...state.unresolvedAlerts()].filter(
      ({ kind, subject }) => kind === "n_plus_one_lost" && !broken.has(subject.id),
    );
    if (raise.length + over.length === 0) return;
    await loop.submit((work) => {
      for (const { kind, subject } of over) work.resolveAlert(kind, subject);
      for (const [id, nodes] of raise) {
        work.raiseAlert({
          kind: "n_plus_one_lost",
          severity: "warning",
          subject: { kind: "cluster", id },
          message: message(state, id, nodes),
          nextStep: "add a node or free room; lormas whatif shows who would be without a place, and why",
          data: {
            nodes: nodes
              .slice(0, NAMED_MAX)
              .map(({ nodeName, withoutPlace }) => ({ nodeName, containers: withoutPlace.length })),
          },
        });
      }
    });
  }
}

function message(state: FleetState, clusterId: string, nodes: readonly WhatIfSummary[]): string {
  const said = nodes.slice(0, NAMED_MAX).map(({ nodeName, withoutPlace }) => {
    const [first] = withoutPlace;
    const more = withoutPlace.length - 1;
    return `if ${nodeName} dies, ${first?.containerName ?? "a container"}${more > 0 ? ` and ${more} more` : ""}`;
  });
  const more = nodes.length - said.length;
  const name = state.cluster(clusterId)?.name ?? clusterId;
  return `N+1 does not hold in ${name}: ${said.join("; ")}${more > 0 ? `; and so for ${more} more nodes` : ""} would be without a place`;
}
