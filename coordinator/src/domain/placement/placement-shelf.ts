import type { Resources } from "../resources.ts";
import { assignPorts, type Best, type CandidateNode, type PlacementRequest, pointsOfShare } from "./choose-node.ts";
import { meetsDemands } from "./node-demands.ts";
import type { PlacementStrategy } from "./placement-strategy.ts";
import { boundsOf, ROOM, type RowBounds, roomOf, runsOf } from "./row-room.ts";

/** Nodes in one row; a fuller one is divided. */
export const ROW_NODES_MAX = 128;
/** More than rounding can add to a share: rather is a row looked into in vain than passed over. */
const ROUNDING = 1e-9;

/** What all nodes of a shelf have in common: between them only room, ports and names decide. */
export type ShelfKind = {
  readonly clusterId: string;
  readonly runtime: string;
  /** HA containers may run there. */
  readonly leased: boolean;
  readonly holdsRoom: boolean;
  readonly priority: number;
  readonly flapPoints: number;
  readonly strategy: PlacementStrategy;
};

type Row = {
  readonly nodes: CandidateNode[];
  /** Null: the row has changed since it was last weighed. */
  weighed: Weighed | null;
};

/** A row as numbers, since they are read millions of times. */
type Weighed = {
  readonly bounds: RowBounds;
  /** See ROOM. */
  readonly room: Float64Array;
  /** By place: where those begin that have the same room and stand side by side. */
  readonly runs: Int32Array;
  /** By name. */
  readonly first: string;
};

/** Counts what searches cost: rows and nodes that were weighed, each some nanoseconds. */
export type SearchCost = { weighings: number };

/**
 * Nodes of one kind in rows of those that are alike in room, so that most rows need not be looked into. Its loops run millions of
 * times: an index below its array's length is taken by `as`, without a check.
 */
export class PlacementShelf {
  readonly kind: ShelfKind;
  readonly #rows: Row[] = [];
  readonly #order: (a: CandidateNode, b: CandidateNode) => number;
  /** The highest score that a row can have in the present search. */
  readonly #limits: number[] = [];

  /** Takes these nodes; the array is sorted in place. */
  constructor(kind: ShelfKind, nodes: CandidateNode[]) {
    this.kind = kind;
    this.#order = kind.strategy === "spread" ? emptiestFirst : fullestFirst;
    nodes.sort(this.#order);
    const step = ROW_NODES_MAX / 2;
    for (let from = 0; from < nodes.length; from += step) {
      this.#rows.push({ nodes: nodes.slice(from, from + step), weighed: null });
    }
  }

  get empty(): boolean {
    return this.#rows.length === 0;
  }

  add(node: CandidateNode): void {
    const index = this.#rowFor(node);
    const row = this.#rows[index];
    if (!row) {
      this.#rows.push({ nodes: [node], weighed: null });
      return;
    }
    row.nodes.splice(placeFor(row.nodes, node, this.#order), 0, node);
    row.weighed = null;
    if (row.nodes.length <= ROW_NODES_MAX) return;
    this.#rows.splice(index + 1, 0, { nodes: row.nodes.splice(ROW_NODES_MAX / 2), weighed: null });
  }

  /** Takes away what was added, as it was then. */
  remove(node: CandidateNode): void {
    const index = this.#rowFor(node);
    const row = this.#rows[index];
    const place = row ? placeFor(row.nodes, node, this.#order) : -1;
    if (row?.nodes[place]?.id !== node.id) throw new Error(`${node.name} is not where placement keeps it`);
    row.nodes.splice(place, 1);
    row.weighed = null;
    if (row.nodes.length === 0) this.#rows.splice(index, 1);
  }

  /**
   * The best of `best` and the nodes here, as `bestNode` would have it. `base` is what speaks for all of them but for
   * flapping; the caller has looked at what else of their kind the request asks for.
   */
  better(
    request: PlacementRequest,
    base: number,
    best: Best | null,
    except: { has(nodeId: string): boolean },
    cost: SearchCost,
  ): Best | null {
    const rows = this.#rows;
    let first = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < rows.length; index++) {
      const limit = this.#limit(request.resources, base, weighed(rows[index] as Row).bounds);
      this.#limits[index] = limit;
      if (limit <= most) continue;
      most = limit;
      first = index;
    }
    cost.weighings += rows.length;
    if (first < 0) return best;
    // The most promising row first: after it most others cannot win any more.
    let leader = this.#betterOf(rows[first] as Row, request, base, best, except, cost);
    for (let index = 0; index < rows.length; index++) {
      if (index === first) continue;
      const limit = this.#limits[index] as number;
      if (limit === Number.NEGATIVE_INFINITY || (leader && limit < leader.score)) continue;
      const row = rows[index] as Row;
      if (leader && limit === leader.score && weighed(row).first >= leader.node.name) continue;
      leader = this.#betterOf(row, request, base, leader, except, cost);
    }
    return leader;
  }

  #betterOf(
    row: Row,
    request: PlacementRequest,
    base: number,
    best: Best | null,
    except: { has(nodeId: string): boolean },
    cost: SearchCost,
  ): Best | null {
    const { nodes } = row;
    const { room, runs } = weighed(row);
    let leader = best;
    let run = -1;
    let score = Number.NEGATIVE_INFINITY;
    cost.weighings += nodes.length;
    for (let place = 0; place < nodes.length; place++) {
      // Those that have the same room stand side by side, by name.
      if (runs[place] !== run) {
        run = runs[place] as number;
        score = this.#score(request.resources, base, room, place * ROOM.width);
      }
      if (score === Number.NEGATIVE_INFINITY || (leader && score < leader.score)) continue;
      const node = nodes[place] as CandidateNode;
      if (leader && score === leader.score && node.name >= leader.node.name) continue;
      if (except.has(node.id) || request.excludedNodeIds.includes(node.id)) continue;
      if (request.busyNodeIds?.includes(node.id)) continue;
      if (request.demands && !meetsDemands(request.demands, node)) continue;
      const ports = assignPorts(request, node);
      if (typeof ports === "string") continue;
      leader = { node, ports, score };
      score = Number.NEGATIVE_INFINITY; // The others with that room come later by name.
    }
    return leader;
  }

  /** As `scoreOf`, to the last bit; −∞ where it lacks room. */
  #score(asked: Resources, base: number, room: Float64Array, at: number): number {
    const [freeCpu, freeMemory, freeDisk] = [room[at] as number, room[at + 1] as number, room[at + 2] as number];
    const { holdsRoom, strategy, flapPoints } = this.kind;
    const cpu = holdsRoom ? 0 : asked.cpuMillis;
    const memory = holdsRoom ? 0 : asked.memoryBytes;
    const disk = holdsRoom ? 0 : asked.diskBytes;
    if (asked.cpuMillis > 0 && cpu > freeCpu) return Number.NEGATIVE_INFINITY;
    if (asked.memoryBytes > 0 && memory > freeMemory) return Number.NEGATIVE_INFINITY;
    if (asked.diskBytes > 0 && disk > freeDisk) return Number.NEGATIVE_INFINITY;
    const share = Math.max(
      0,
      Math.min(
        1,
        shareAfter(freeCpu, cpu, room[at + 3] as number),
        shareAfter(freeMemory, memory, room[at + 4] as number),
        shareAfter(freeDisk, disk, room[at + 5] as number),
      ),
    );
    return base + pointsOfShare(strategy === "spread" ? share : 1 - share) - flapPoints;
  }

  /** No node within these bounds scores higher; −∞ where none has room. */
  #limit(asked: Resources, base: number, { cpu, memory, disk, scarcestMax }: RowBounds): number {
    const { holdsRoom, strategy, flapPoints } = this.kind;
    const [cpuMillis, memoryBytes, diskBytes] = holdsRoom
      ? NOTHING
      : [asked.cpuMillis, asked.memoryBytes, asked.diskBytes];
    if (asked.cpuMillis > 0 && cpuMillis > cpu.freeMax) return Number.NEGATIVE_INFINITY;
    if (asked.memoryBytes > 0 && memoryBytes > memory.freeMax) return Number.NEGATIVE_INFINITY;
    if (asked.diskBytes > 0 && diskBytes > disk.freeMax) return Number.NEGATIVE_INFINITY;
    const share =
      strategy === "spread"
        ? Math.min(
            1,
            scarcestMax,
            cpu.shareMax - cpuMillis / cpu.capacityMax,
            memory.shareMax - memoryBytes / memory.capacityMax,
            disk.shareMax - diskBytes / disk.capacityMax,
          )
        : 1 -
          Math.min(
            1,
            cpu.shareMin - cpuMillis / cpu.capacityMin,
            memory.shareMin - memoryBytes / memory.capacityMin,
            disk.shareMin - diskBytes / disk.capacityMin,
          );
    return base + pointsOfShare(Math.max(0, Math.min(1, share + ROUNDING))) - flapPoints;
  }

  /** The row in which a node stands or would stand. */
  #rowFor(node: CandidateNode): number {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#rows[middle]?.nodes[0];
      if (first && this.#order(first, node) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function placeFor(
  nodes: readonly CandidateNode[],
  node: CandidateNode,
  order: (a: CandidateNode, b: CandidateNode) => number,
): number {
  let [low, high] = [0, nodes.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (order(nodes[middle] as CandidateNode, node) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const NOTHING = [0, 0, 0] as const;

const shareAfter = (free: number, asked: number, capacity: number): number =>
  capacity <= 0 ? 1 : (free - asked) / capacity;

function weighed(row: Row): Weighed {
  if (!row.weighed) {
    const { nodes } = row;
    const room = roomOf(nodes);
    const first = nodes.reduce((least, { name }) => (name < least ? name : least), nodes[0]?.name ?? "");
    row.weighed = { bounds: boundsOf(room), room, runs: runsOf(room), first };
  }
  return row.weighed;
}

const scarcest = ({ capacity, allocated }: CandidateNode): number =>
  Math.min(
    shareAfter(capacity.cpuMillis - allocated.cpuMillis, 0, capacity.cpuMillis),
    shareAfter(capacity.memoryBytes - allocated.memoryBytes, 0, capacity.memoryBytes),
    shareAfter(capacity.diskBytes - allocated.diskBytes, 0, capacity.diskBytes),
  );

/**
 * The best first, as far as it does not depend on what is asked for, so that a search finds soon what others cannot reach; those
 * with the same room by name.
 */
const emptiestFirst = (a: CandidateNode, b: CandidateNode): number =>
  a === b ? 0 : scarcest(b) - scarcest(a) || byRoomAndName(a, b);
const fullestFirst = (a: CandidateNode, b: CandidateNode): number =>
  a === b ? 0 : scarcest(a) - scarcest(b) || byRoomAndName(a, b);

function byRoomAndName(a: CandidateNode, b: CandidateNode): number {
  const room = compared(a.capacity, b.capacity) || compared(a.allocated, b.allocated);
  if (room !== 0) return room;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

const compared = (a: Resources, b: Resources): number =>
  a.cpuMillis - b.cpuMillis || a.memoryBytes - b.memoryBytes || a.diskBytes - b.diskBytes;
