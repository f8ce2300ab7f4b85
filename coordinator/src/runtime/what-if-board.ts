import { LEASE_PROFILES, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { NPlusOnePolicy } from "../domain/placement/n-plus-one.ts";
import type { WhatIfContainer } from "../domain/placement/what-if.ts";
import { withoutPlace } from "../domain/placement/what-if.ts";
import type { Clock } from "./clock.ts";
import type { FleetState } from "./fleet-state.ts";
import { allCandidates, whatIf } from "./what-if-view.ts";

/** What one node's death would mean, in short. */
export type WhatIfSummary = {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly policy: NPlusOnePolicy;
  /** HA containers that would move, or would have to. */
  readonly containers: number;
  /** Those that would find no room. */
  readonly withoutPlace: readonly WhatIfContainer[];
  /** Those that would wait for the node: their data is there, or automatic migration is off. */
  readonly waiting: number;
};

/** Weighings in one slice, about 5 ms: between two slices decisions go on. */
const SLICE_WEIGHINGS_MAX = 100_000;

/**
 * "What if a node dies?" for every node, computed from the committed fleet when somebody asks and the fleet has changed
 * since. It is computed in slices, so that a large fleet does not keep decisions waiting; those who ask meanwhile share one
 * computation.
 */
export class WhatIfBoard {
  readonly #state: FleetState;
  readonly #clock: Clock;
  #known: { readonly version: number; readonly summaries: readonly WhatIfSummary[] } | null = null;
  #running: Promise<readonly WhatIfSummary[]> | null = null;
  /** Milliseconds that the last computation of all took, without the pauses between its slices. */
  costMs = 0;

  constructor(state: FleetState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** One node, with every blocker explained; of the fleet as it is now. */
  one(nodeId: string): { readonly containers: readonly WhatIfContainer[]; readonly policy: LeasePolicy } {
    const clusterId = this.#state.node(nodeId)?.facts.clusterId ?? "";
    const policy = this.#state.cluster(clusterId)?.policy ?? LEASE_PROFILES.default;
    return { containers: whatIf(this.#state, nodeId, allCandidates(this.#state), true), policy };
  }

  /** All nodes, by name; of the fleet as it is now or became while this was computed. */
  all(): Promise<readonly WhatIfSummary[]> {
    if (this.#known && this.#known.version === this.#state.version) return Promise.resolve(this.#known.summaries);
    this.#running ??= this.#compute().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #compute(): Promise<readonly WhatIfSummary[]> {
    const { version } = this.#state;
    const ids = [...this.#state.nodes()].map(({ facts }) => facts.id);
    const summaries: WhatIfSummary[] = [];
    let costMs = 0;
    for (let next = 0; next < ids.length; ) {
      if (next > 0) await new Promise<void>((resolve) => this.#clock.schedule(0, resolve));
      const beganMs = this.#clock.bootMs();
      const candidates = allCandidates(this.#state);
      for (let weighings = 0; next < ids.length && weighings < SLICE_WEIGHINGS_MAX; next++) {
        const nodeId = ids[next] ?? "";
        weighings += 1 + this.#state.room(nodeId).holders.size * candidates.length;
        const summary = this.#summary(nodeId, candidates);
        if (summary) summaries.push(summary);
      }
      costMs += this.#clock.bootMs() - beganMs;
    }
    this.costMs = costMs;
    summaries.sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1));
    this.#known = { version, summaries };
    return summaries;
  }

  #summary(nodeId: string, candidates: ReturnType<typeof allCandidates>): WhatIfSummary | null {
    const node = this.#state.node(nodeId);
    if (!node) return null;
    const { name: nodeName, clusterId } = node.facts;
    const containers = whatIf(this.#state, nodeId, candidates, false);
    const without = withoutPlace(containers);
    const blocked = containers.filter(({ blocker }) => blocker !== null).length;
    const cluster = this.#state.cluster(clusterId);
    const policy = cluster?.nPlusOne ?? "warn";
    const clusterName = cluster?.name ?? "";
    const waiting = blocked - without.length;
    return {
      nodeId,
      nodeName,
      clusterId,
      clusterName,
      policy,
      containers: containers.length,
      withoutPlace: without,
      waiting,
    };
  }
}
