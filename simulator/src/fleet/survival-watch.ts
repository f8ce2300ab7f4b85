import { CLOCK_RATE_ERROR_MAX, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import type { NodeHost } from "../host/node-host.ts";
import type { ExchangeWatch } from "./exchange-watch.ts";

/** Beyond the arithmetic: what messages and timers take without a fault. */
const SLACK_MS = 200;
/** After a fault that touched nodes has ended, so many leases pass before their silence must be a majority's. */
const CALM_LEASES = 4;
const CALM_MS = 5_000;

export type SurvivalWatchParts = {
  readonly time: SimulatedClock;
  readonly exchanges: ExchangeWatch;
  /** Every policy that the group may have in this run: what counts is the longest lease. */
  readonly policies: readonly LeasePolicy[];
  readonly nodes: () => readonly NodeHost[];
  readonly fail: (text: string) => void;
};

/**
 * Holds every kill against the promise that a dead control plane stops no container whose node sees a majority: when nobody
 * was acknowledged for long enough that all are without lease, nothing but the control plane was touched for long, every node
 * has had time to hear of the voters, and most machines have power, nothing may be killed.
 */
export class SurvivalWatch {
  readonly #parts: SurvivalWatchParts;
  #touching = 0;
  #touchedMs = Number.NEGATIVE_INFINITY;
  /** When the group had its first voters; until a node has heard of them it has nobody to ask. */
  #groupedMs = Number.POSITIVE_INFINITY;
  /** Kills while nobody was acknowledged, whatever else was wrong. */
  killsUnacknowledged = 0;

  constructor(parts: SurvivalWatchParts) {
    this.#parts = parts;
  }

  /** The voting group has voters; from its first ones on there always are some. */
  grouped(): void {
    this.#groupedMs = Math.min(this.#groupedMs, this.#parts.time.nowMs());
  }

  /** A fault that touches more than the control plane begins; the answer ends it. */
  touched(): () => void {
    this.#touching += 1;
    return () => {
      this.#touching -= 1;
      this.#touchedMs = this.#parts.time.nowMs();
    };
  }

  /** A node has begun to kill what runs. */
  killed(host: string): void {
    const { time, exchanges, policies, nodes, fail } = this.#parts;
    const leaseMs = Math.max(...policies.map((policy) => policy.leaseMs));
    const intervalMs = Math.max(...policies.map((policy) => policy.intervalMs));
    const sinceAckMs = time.nowMs() - exchanges.ackedMs;
    if (sinceAckMs < (leaseMs / 2 + 2 * intervalMs) / (1 - CLOCK_RATE_ERROR_MAX) + SLACK_MS) return;
    this.killsUnacknowledged += 1;
    // A lease that was granted before the voters were there has ended by then.
    if (time.nowMs() - this.#groupedMs < leaseMs / (1 - CLOCK_RATE_ERROR_MAX) + SLACK_MS) return;
    if (this.#touching > 0 || time.nowMs() - this.#touchedMs < CALM_LEASES * leaseMs + CALM_MS) return;
    const all = nodes();
    const powered = all.filter((node) => node.powered).length;
    if (2 * powered <= all.length) return;
    fail(
      `${host} killed its containers ${Math.round(sinceAckMs)} ms after the last acknowledgement to anybody, ` +
        `though ${powered} of ${all.length} nodes saw each other`,
    );
  }
}
