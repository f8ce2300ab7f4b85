import { LEASE_PROFILES, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { NPlusOnePolicy } from "../domain/placement/n-plus-one.ts";
import {
  type Choice,
  meansTheSame,
  type NodeDeath,
  nodeDeath,
  type WhatIfContainer,
  whatIfNodeDies,
  withoutPlace,
} from "../domain/placement/what-if.ts";
import type { Clock } from "./clock.ts";
import type { FleetState } from "./fleet-state.ts";
import type { NodeRecord } from "./fleet-view.ts";
import { failoverDemands } from "./what-if-view.ts";

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

export type WhatIfForecast = {
  /** Every change of the fleet up to this moment is in it, wall clock ms; of later ones some may be. */
  readonly asOfMs: number;
  /** By name. */
  readonly nodes: readonly WhatIfSummary[];
};

/** One node's death, container by container. */
export type WhatIfOne = {
  readonly asOfMs: number;
  readonly containers: readonly WhatIfContainer[];
  /** Of its cluster. */
  readonly policy: LeasePolicy;
};

/** Weighings in one slice, about half a millisecond; the container whose search reaches it is still placed in it. */
export const SLICE_WEIGHINGS_MAX = 10_000;
/** What a container and a node cost even where nothing is weighed for them, and asking of a choice whether it stands. */
const LOOK_WEIGHINGS = 20;
const QUESTION_WEIGHINGS = 4;
/** Between two slices: whatever else waits has its turn, and most of the time. */
export const PAUSE_MS = 2;

/** What one node's death would mean, and what that follows from. */
type Foretold = { readonly summary: WhatIfSummary; readonly choices: readonly Choice[] };

/**
 * "What if a node dies?" for every node, computed from the committed fleet when somebody asks and what it depends on has
 * changed since: anew for those nodes alone for whose containers something else may follow from it. It is computed in slices, so
 * that a large fleet keeps neither decisions nor readers waiting; those who ask meanwhile share one computation.
 */
export class WhatIfBoard {
  readonly #state: FleetState;
  readonly #clock: Clock;
  readonly #sliceWeighingsMax: number;
  #known: { readonly version: number; readonly forecast: WhatIfForecast } | null = null;
  /** By node; what the forecast consists of. */
  #foretold: ReadonlyMap<string, Foretold> = new Map();
  #running: Promise<WhatIfForecast> | null = null;
  /** Ids of the nodes by name, as they were when all were last looked at. */
  #order: readonly string[] = [];
  /** Milliseconds that the last computation of all took, without the pauses between its slices. */
  costMs = 0;
  /** Nodes whose death it had to foretell anew. */
  anew = 0;

  constructor(state: FleetState, clock: Clock, sliceWeighingsMax = SLICE_WEIGHINGS_MAX) {
    this.#state = state;
    this.#clock = clock;
    this.#sliceWeighingsMax = sliceWeighingsMax;
  }

  /** One node, with every blocker explained; of the fleet as it is now. */
  one(nodeId: string): WhatIfOne {
    const asOfMs = this.#clock.wallMs();
    const node = this.#state.node(nodeId);
    const policy = this.#state.cluster(node?.facts.clusterId ?? "")?.policy ?? LEASE_PROFILES.default;
    if (!node) return { asOfMs, containers: [], policy };
    const left = this.#state.trial();
    left.delete(nodeId);
    return { asOfMs, containers: whatIfNodeDies(failoverDemands(this.#state, node), left, true), policy };
  }

  /** All nodes; of the fleet as it is now or became while this was computed. */
  async all(): Promise<WhatIfForecast> {
    // Where nothing that it depends on has changed it is of this moment.
    if (this.#known && this.#known.version === this.#state.version) {
      return { asOfMs: this.#clock.wallMs(), nodes: this.#known.forecast.nodes };
    }
    this.#running ??= this.#compute().finally(() => {
      this.#running = null;
    });
    return await this.#running;
  }

  async #compute(): Promise<WhatIfForecast> {
    const { version } = this.#state;
    const asOfMs = this.#clock.wallMs();
    const foretold = new Map<string, Foretold>();
    const deaths = this.#deaths(foretold);
    let costMs = 0;
    for (let done = false; !done; ) {
      const beganMs = this.#clock.bootMs();
      done = slice(deaths, this.#sliceWeighingsMax);
      costMs += this.#clock.bootMs() - beganMs;
      if (!done) await new Promise<void>((resolve) => this.#clock.schedule(PAUSE_MS, resolve));
    }
    this.costMs = costMs;
    const forecast = { asOfMs, nodes: [...foretold.values()].map(({ summary }) => summary) };
    this.#foretold = foretold;
    this.#known = { version, forecast };
    return forecast;
  }

  // One after another; says after each piece of work how many weighings it was. What it takes over is asked of the changes up to
  // the beginning; those that come later are asked of the next time, whichever of them was seen already.
  *#deaths(foretold: Map<string, Foretold>): Generator<number, void, void> {
    this.anew = 0;
    const changes = this.#known && this.#state.changedSince(this.#known.version);
    this.#order = this.#byName();
    for (const nodeId of this.#order) {
      const node = this.#state.node(nodeId);
      if (!node) continue;
      const before = this.#foretold.get(nodeId);
      if (before && changes && !changes.demands.has(nodeId)) {
        yield QUESTION_WEIGHINGS * (1 + before.choices.length * changes.nodes.size);
        if (meansTheSame(before.choices, changes.nodes)) {
          foretold.set(nodeId, before);
          continue;
        }
      }
      this.anew += 1;
      const { containers, choices } = yield* this.#death(node);
      foretold.set(nodeId, { choices, summary: this.#summary(node, containers) });
    }
  }

  // Those of the last time first, as they were then: what is nearly in order is sorted in no time.
  #byName(): string[] {
    const known = new Set(this.#order);
    const nodes = this.#order.flatMap((id) => this.#state.node(id)?.facts ?? []);
    for (const { facts } of this.#state.nodes()) if (!known.has(facts.id)) nodes.push(facts);
    return nodes.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)).map(({ id }) => id);
  }

  *#death(node: NodeRecord): Generator<number, NodeDeath, void> {
    const demands = failoverDemands(this.#state, node);
    yield LOOK_WEIGHINGS * (1 + demands.length);
    const left = this.#state.trial();
    left.delete(node.facts.id);
    const death = nodeDeath(demands, left, false);
    for (;;) {
      const before = left.weighings;
      const { done, value } = death.next();
      if (done) return value;
      yield left.weighings - before;
    }
  }

  #summary({ facts }: NodeRecord, containers: readonly WhatIfContainer[]): WhatIfSummary {
    const without = withoutPlace(containers);
    const blocked = containers.filter(({ blocker }) => blocker !== null).length;
    const cluster = this.#state.cluster(facts.clusterId);
    return {
      nodeId: facts.id,
      nodeName: facts.name,
      clusterId: facts.clusterId,
      clusterName: cluster?.name ?? "",
      policy: cluster?.nPlusOne ?? "warn",
      containers: containers.length,
      withoutPlace: without,
      waiting: blocked - without.length,
    };
  }
}

/** Goes on until all is done, or the pieces of work come to the bound; true when all is done. Each piece says what it cost. */
export function slice(work: Iterator<number, unknown, void>, costMax: number): boolean {
  for (let spent = 0; spent < costMax; ) {
    const { done, value } = work.next();
    if (done) return true;
    spent += value;
  }
  return false;
}
