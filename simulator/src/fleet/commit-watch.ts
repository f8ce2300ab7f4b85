import { unmetDemand } from "@lormas/coordinator/domain/placement/node-demands.ts";
import { NO_RESOURCES, plus, type Resources } from "@lormas/coordinator/domain/resources.ts";
import type { DecisionChanges } from "@lormas/coordinator/runtime/decision-store.ts";
import { CLOCK_RATE_ERROR_MAX } from "@lormas/lease/lease-policy.ts";
import type { StoredFleet } from "../database/stored-fleet.ts";
import type { ExchangeWatch } from "./exchange-watch.ts";
import type { RunCount, RunCounts } from "./run-counts.ts";

/** Events that are counted as they are. */
const COUNTED: Readonly<Record<string, RunCount>> = {
  "migration.completed": "migrations completed",
  "migration.failed": "migrations failed",
  "migration.cancelled": "migrations cancelled",
  "cluster.override": "overrides",
};

const RESOURCES = ["cpuMillis", "memoryBytes", "diskBytes"] as const satisfies readonly (keyof Resources)[];

export type CommitWatchParts = {
  readonly fleet: StoredFleet;
  readonly exchanges: ExchangeWatch;
  /** The shortest lease that nodes may have in this run. */
  readonly leaseMinMs: number;
  /** The shortest W that a leader may wait in this run, on its own clock. */
  readonly waitMinMs: number;
  readonly counts: RunCounts;
  readonly note: (who: string, text: string) => void;
  readonly on: boolean;
  readonly fail: (text: string) => void;
};

/** Holds every decision, in the moment in which it is committed, against what may be decided. */
export class CommitWatch {
  readonly #parts: CommitWatchParts;
  #term = 0;

  constructor(parts: CommitWatchParts) {
    this.#parts = parts;
  }

  see(changes: DecisionChanges, term: number, process: string): void {
    const { fleet, counts, note, on, fail } = this.#parts;
    counts.decisions += 1;
    if (term < this.#term) fail(`${process} committed in term ${term}, after a commit of term ${this.#term}`);
    if (term > this.#term) counts.takeovers += 1;
    this.#term = Math.max(this.#term, term);
    if (on) for (const { type, message } of changes.events) note(process, `commits ${type}: ${message}`);
    if (fleet.leadership?.term !== term) fail(`${process} committed in term ${term}, which does not hold the row`);
    const fenced = new Set<string>();
    for (const { type, nodeId, data } of changes.events) {
      if (type === "node.dead" && nodeId !== null) this.#died(nodeId, data);
      if (type === "node.fenced" && nodeId !== null && this.#isBeforeWait(nodeId)) fenced.add(nodeId);
      if (type === "migration.started" && data["trigger"] === "auto") {
        counts.failovers += 1;
        if (nodeId !== null && fenced.has(nodeId)) counts["moves by fence hook"] += 1;
      }
      const counted = COUNTED[type];
      if (counted) counts[counted] += 1;
    }
    if (changes.holdings.length > 0) this.#checkRoom();
    this.#checkDemands(changes);
  }

  /** W alone could not have allowed it yet, on any clock. */
  #isBeforeWait(nodeId: string): boolean {
    const { exchanges, waitMinMs } = this.#parts;
    const sinceMs = exchanges.sinceExchangeMs(nodeId);
    return sinceMs !== null && sinceMs < waitMinMs / (1 + CLOCK_RATE_ERROR_MAX);
  }

  #died(nodeId: string, data: Readonly<Record<string, unknown>>): void {
    const { exchanges, counts, leaseMinMs, fail, fleet } = this.#parts;
    counts["nodes declared dead"] += 1;
    if (data["waitMs"] === undefined) return; // It said goodbye, or was cut off from power.
    const sinceMs = exchanges.sinceExchangeMs(nodeId);
    if (sinceMs !== null && sinceMs < leaseMinMs) {
      const name = fleet.nodes.get(nodeId)?.facts.name;
      fail(
        `${name} was declared dead ${Math.round(sinceMs)} ms after a heartbeat whose acknowledgement had reached it`,
      );
    }
  }

  /** Who is given a node in this commit is given one that has what it demands, as it is labelled in the same commit. */
  #checkDemands({ events, nodes, containers }: DecisionChanges): void {
    const { fleet, counts, fail } = this.#parts;
    const changed = new Set(nodes.map(({ facts }) => facts.id));
    for (const { type, nodeId, containerId } of events) {
      if (type !== "container.placed" && type !== "migration.target_chosen") continue;
      const context = containers.find(({ facts }) => facts.id === containerId)?.snapshot.context;
      const node = fleet.nodes.get(nodeId ?? "");
      // One that changes with it may have been labelled after that, in another decision of the same commit.
      if (!context?.demands || !node || changed.has(node.facts.id)) continue;
      counts["placements by demand"] += 1;
      const unmet = unmetDemand(context.demands, node.facts);
      if (unmet) fail(`${context.name} was given ${node.facts.name}: ${unmet[1]}`);
    }
  }

  #checkRoom(): void {
    const { fleet, fail } = this.#parts;
    const promised = new Map<string, Resources>();
    for (const held of fleet.holdings.values()) {
      for (const { nodeId, holding } of held) {
        promised.set(nodeId, plus(promised.get(nodeId) ?? NO_RESOURCES, holding.resources));
      }
    }
    for (const [nodeId, sum] of promised) {
      const facts = fleet.nodes.get(nodeId)?.facts;
      if (!facts || RESOURCES.every((kind) => sum[kind] <= facts.capacity[kind])) continue;
      fail(`${facts.name} has promised ${JSON.stringify(sum)} of its ${JSON.stringify(facts.capacity)}`);
    }
  }
}
