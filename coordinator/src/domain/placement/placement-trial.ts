import { type Best, bestNode, type CandidateNode, type PlacementRequest } from "./choose-node.ts";
import type { PlacementIndex } from "./placement-index.ts";

/** An index as it would be with some nodes changed or gone; the index itself stays as it is. */
export class PlacementTrial {
  readonly #index: PlacementIndex;
  /** Null: gone. */
  readonly #changed: Map<string, CandidateNode | null>;

  constructor(index: PlacementIndex, changed: ReadonlyMap<string, CandidateNode | null> = new Map()) {
    this.#index = index;
    this.#changed = new Map(changed);
  }

  /** Another one that begins as this one is now. */
  fork(): PlacementTrial {
    return new PlacementTrial(this.#index, this.#changed);
  }

  node(id: string): CandidateNode | undefined {
    const changed = this.#changed.get(id);
    return changed === null ? undefined : (changed ?? this.#index.node(id));
  }

  *nodes(): Iterable<CandidateNode> {
    for (const node of this.#index.nodes()) if (!this.#changed.has(node.id)) yield node;
    for (const node of this.#changed.values()) if (node) yield node;
  }

  /** The first nodes by name, so many at most. */
  firstByName(countMax: number): CandidateNode[] {
    const first: CandidateNode[] = [];
    for (const node of this.nodes()) {
      const last = first[countMax - 1];
      if (last && node.name >= last.name) continue;
      const place = first.findIndex(({ name }) => node.name < name);
      first.splice(place < 0 ? first.length : place, 0, node);
      first.length = Math.min(first.length, countMax);
    }
    return first;
  }

  set(node: CandidateNode): void {
    this.#changed.set(node.id, node);
  }

  delete(id: string): void {
    this.#changed.set(id, null);
  }

  /** As `bestNode` of these nodes. */
  best(request: PlacementRequest): Best | null {
    const unchanged = this.#index.best(request, this.#changed);
    this.#index.cost.weighings += this.#changed.size;
    const changed = bestNode(request, present(this.#changed.values()));
    if (!unchanged || !changed) return unchanged ?? changed;
    if (unchanged.score !== changed.score) return unchanged.score > changed.score ? unchanged : changed;
    return unchanged.node.name < changed.node.name ? unchanged : changed;
  }

  /** What all searches of the index and its trials have cost so far. */
  get weighings(): number {
    return this.#index.cost.weighings;
  }
}

function* present(nodes: Iterable<CandidateNode | null>): Iterable<CandidateNode> {
  for (const node of nodes) if (node) yield node;
}
