import { priorityPoints } from "../node/node-priority.ts";
import {
  type Best,
  bestNode,
  type CandidateNode,
  clusterPoints,
  type PlacementRequest,
  ROOM_POINTS_MAX,
} from "./choose-node.ts";
import { PlacementShelf, type SearchCost, type ShelfKind } from "./placement-shelf.ts";

/** More than the order of a sum can make of a score. */
const ROUNDING = 1e-6;
const NOBODY = { has: (): boolean => false };

/**
 * The nodes of a fleet, sorted so that the best one for a container is found without weighing each of them: `best` answers as
 * `bestNode` of all of them. A node that changes is set anew; nothing else of the index changes with it.
 */
export class PlacementIndex {
  readonly #nodes = new Map<string, CandidateNode>();
  /** Those that may take anything at all, by kind. */
  readonly #shelves = new Map<string, PlacementShelf>();
  readonly #shelvesOf = new Map<string, PlacementShelf[]>();
  /** The most that speaks for any node besides its cluster; null: to be found anew. */
  #pointsMax: number | null = null;
  /** Of all searches so far. */
  readonly cost: SearchCost = { weighings: 0 };

  constructor(nodes: Iterable<CandidateNode>) {
    const alike = new Map<string, { kind: ShelfKind; nodes: CandidateNode[] }>();
    for (const node of nodes) {
      this.#nodes.set(node.id, node);
      if (!takesAnything(node)) continue;
      const kind = kindOf(node);
      const key = keyOf(kind);
      const known = alike.get(key);
      if (known) known.nodes.push(node);
      else alike.set(key, { kind, nodes: [node] });
    }
    for (const [key, { kind, nodes: own }] of alike) this.#putUp(key, new PlacementShelf(kind, own));
  }

  node(id: string): CandidateNode | undefined {
    return this.#nodes.get(id);
  }

  nodes(): Iterable<CandidateNode> {
    return this.#nodes.values();
  }

  /** Adds a node, or replaces what was known of it. */
  set(node: CandidateNode): void {
    const before = this.#nodes.get(node.id);
    this.#nodes.set(node.id, node);
    if (before) this.#takeDown(before);
    if (!takesAnything(node)) return;
    const kind = kindOf(node);
    const key = keyOf(kind);
    const shelf = this.#shelves.get(key);
    if (shelf) shelf.add(node);
    else this.#putUp(key, new PlacementShelf(kind, [node]));
  }

  delete(id: string): void {
    const node = this.#nodes.get(id);
    if (!node) return;
    this.#nodes.delete(id);
    this.#takeDown(node);
  }

  /** The node that `bestNode` would find among all but those that are excepted. */
  best(request: PlacementRequest, except: { has(nodeId: string): boolean } = NOBODY): Best | null {
    const named = request.pinnedNodeId ?? request.requestedNodeId;
    if (named !== null) {
      const node = except.has(named) ? undefined : this.#nodes.get(named);
      this.cost.weighings += 1;
      return node ? bestNode(request, [node]) : null;
    }
    const { ownClusterId: own, preferredClusterId: preferred } = request;
    let best = preferred === null ? null : this.#bestIn(preferred, request, null, except);
    if (own !== null && own !== preferred) best = this.#bestIn(own, request, best, except);
    if (own !== null && !request.allowOtherClusters) return best;
    this.#pointsMax ??= this.#mostPoints();
    // What is neither its own nor preferred has no more than this.
    const most = (own === null ? clusterPoints(request, "") : 0) + this.#pointsMax + ROOM_POINTS_MAX;
    if (best && best.score > most + ROUNDING) return best;
    for (const clusterId of this.#shelvesOf.keys()) {
      if (clusterId !== preferred && clusterId !== own) best = this.#bestIn(clusterId, request, best, except);
    }
    return best;
  }

  #bestIn(
    clusterId: string,
    request: PlacementRequest,
    best: Best | null,
    except: { has(nodeId: string): boolean },
  ): Best | null {
    let leader = best;
    for (const shelf of this.#shelvesOf.get(clusterId) ?? []) {
      const { kind } = shelf;
      this.cost.weighings += 1;
      if ((request.ha && !kind.leased) || !request.runtimes.includes(kind.runtime)) continue;
      const base = clusterPoints(request, clusterId) + priorityPoints(kind.priority);
      if (leader && base + ROOM_POINTS_MAX - kind.flapPoints < leader.score) continue;
      leader = shelf.better(request, base, leader, except, this.cost);
    }
    return leader;
  }

  #putUp(key: string, shelf: PlacementShelf): void {
    const { clusterId } = shelf.kind;
    this.#shelves.set(key, shelf);
    const beside = this.#shelvesOf.get(clusterId);
    if (beside) beside.push(shelf);
    else this.#shelvesOf.set(clusterId, [shelf]);
    this.#pointsMax = null;
  }

  #takeDown(node: CandidateNode): void {
    if (!takesAnything(node)) return;
    const key = keyOf(kindOf(node));
    const shelf = this.#shelves.get(key);
    if (!shelf) throw new Error(`${node.name} is not where placement keeps it`);
    shelf.remove(node);
    if (!shelf.empty) return;
    this.#shelves.delete(key);
    const left = (this.#shelvesOf.get(node.clusterId) ?? []).filter((other) => other !== shelf);
    if (left.length > 0) this.#shelvesOf.set(node.clusterId, left);
    else this.#shelvesOf.delete(node.clusterId);
    this.#pointsMax = null;
  }

  #mostPoints(): number {
    let most = Number.NEGATIVE_INFINITY;
    for (const { kind } of this.#shelves.values())
      most = Math.max(most, priorityPoints(kind.priority) - kind.flapPoints);
    return most;
  }
}

const takesAnything = ({ healthy, schedulable, revoked, runtimeReady }: CandidateNode): boolean =>
  healthy && schedulable && !revoked && runtimeReady;

const kindOf = (node: CandidateNode): ShelfKind => ({
  clusterId: node.clusterId,
  runtime: node.runtime,
  leased: node.guarded && node.clockSound,
  holdsRoom: node.holdsRoom,
  priority: node.priority,
  flapPoints: node.flapPenalty?.points ?? 0,
  strategy: node.strategy,
});

const keyOf = (kind: ShelfKind): string => Object.values(kind).join("\n");
