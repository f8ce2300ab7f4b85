import type { CandidateNode } from "../domain/placement/choose-node.ts";
import { PlacementIndex } from "../domain/placement/placement-index.ts";
import type { FleetView } from "./fleet-view.ts";
import { candidate } from "./place-container.ts";

type Fleet = Pick<FleetView, "node" | "nodes" | "room" | "cluster">;

/** Nodes whose changes are told one by one; of more it is only said that anything may have changed. */
export const TOLD_NODES_MAX = 32;

/** Nodes whose last change is remembered. */
const REMEMBERED_MAX = 100_000;

/** What has changed between two versions. */
export type PlacementChanges = {
  /** Nodes that placement sees otherwise now, as it does; undefined for one that is gone. */
  readonly nodes: ReadonlyMap<string, CandidateNode | undefined>;
  /** Nodes whose containers would be placed otherwise by their death. */
  readonly demands: ReadonlySet<string>;
};

/**
 * The committed nodes as placement sees them, kept up to date by looking again at those that were touched since the last look;
 * and which were touched since when.
 */
export class FleetPlacement {
  readonly #fleet: Fleet;
  /** Null: all have to be looked at. */
  #index: PlacementIndex | null = null;
  readonly #stale = new Set<string>();
  /** Node ids, in the order in which they were last touched, and the version that it made. */
  readonly #nodesAt = new Map<string, number>();
  readonly #demandsAt = new Map<string, number>();
  /** What was touched before this version is not known one by one. */
  #knownSince = 0;
  /** Rises with everything that touches anything. */
  version = 0;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Something of a node has changed, or of what containers hold there. */
  touchNode(nodeId: string): void {
    this.#note(this.#nodesAt, nodeId);
    if (this.#index) this.#stale.add(nodeId);
  }

  /** Something of a container on this node has changed that decides on where it may go. */
  touchDemands(nodeId: string): void {
    this.#note(this.#demandsAt, nodeId);
  }

  /** Anything may have changed. */
  touchAll(): void {
    this.#index = null;
    this.#stale.clear();
    this.#forgetBefore(++this.version);
  }

  /** As the fleet is now; for use at once, since a later look changes it. */
  index(): PlacementIndex {
    this.#index ??= new PlacementIndex([...this.#fleet.nodes()].map((node) => candidate(this.#fleet, node, "", [])));
    for (const nodeId of this.#stale) {
      const node = this.#fleet.node(nodeId);
      if (node) this.#index.set(candidate(this.#fleet, node, "", []));
      else this.#index.delete(nodeId);
    }
    this.#stale.clear();
    return this.#index;
  }

  /** Null: so much that it is not told one by one. */
  changedSince(version: number): PlacementChanges | null {
    if (version < this.#knownSince) return null;
    const index = this.index();
    const nodes = new Map(since(this.#nodesAt, version).map((id) => [id, index.node(id)] as const));
    if (nodes.size > TOLD_NODES_MAX) return null;
    return { nodes, demands: new Set([...nodes.keys(), ...since(this.#demandsAt, version)]) };
  }

  #note(touchedAt: Map<string, number>, nodeId: string): void {
    touchedAt.delete(nodeId);
    touchedAt.set(nodeId, ++this.version);
    // Of nodes that are gone their ids would stay for ever.
    if (touchedAt.size > REMEMBERED_MAX) this.#forgetBefore(this.version);
  }

  #forgetBefore(version: number): void {
    this.#nodesAt.clear();
    this.#demandsAt.clear();
    this.#knownSince = version;
  }
}

function since(touchedAt: ReadonlyMap<string, number>, version: number): string[] {
  const ids: string[] = [];
  for (const [id, at] of touchedAt) if (at > version) ids.push(id);
  return ids;
}
