import type { CandidateNode } from "./choose-node.ts";

/** How the room of a row of nodes stands in an array: what is free and what there is, of CPU, memory and disk each. */
export const ROOM = { width: 6, capacity: 3 } as const;

/** The best that any node of a row has of one resource, each figure for itself. */
export type ResourceBounds = {
  readonly freeMax: number;
  /** Shares of the capacity that are free. */
  readonly shareMax: number;
  readonly shareMin: number;
  /** Infinite where a node has none at all: that counts as all of it being free, whatever is asked for. */
  readonly capacityMax: number;
  /** Of those that have any. */
  readonly capacityMin: number;
};

export type RowBounds = {
  /** The largest share that any node has of its own scarcest resource. */
  readonly scarcestMax: number;
  readonly cpu: ResourceBounds;
  readonly memory: ResourceBounds;
  readonly disk: ResourceBounds;
};

export function roomOf(nodes: readonly CandidateNode[]): Float64Array {
  const room = new Float64Array(nodes.length * ROOM.width);
  for (const [place, { capacity, allocated }] of nodes.entries()) {
    room.set(
      [
        capacity.cpuMillis - allocated.cpuMillis,
        capacity.memoryBytes - allocated.memoryBytes,
        capacity.diskBytes - allocated.diskBytes,
        capacity.cpuMillis,
        capacity.memoryBytes,
        capacity.diskBytes,
      ],
      place * ROOM.width,
    );
  }
  return room;
}

export const boundsOf = (room: Float64Array): RowBounds => ({
  scarcestMax: scarcestMax(room),
  cpu: resourceBounds(room, 0),
  memory: resourceBounds(room, 1),
  disk: resourceBounds(room, 2),
});

function scarcestMax(room: Float64Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < room.length; at += ROOM.width) {
    most = Math.max(most, Math.min(shareAt(room, at), shareAt(room, at + 1), shareAt(room, at + 2)));
  }
  return most;
}

/** The share that is free of the resource that stands there. */
function shareAt(room: Float64Array, at: number): number {
  const capacity = room[at + ROOM.capacity] as number;
  return capacity <= 0 ? 1 : (room[at] as number) / capacity;
}

function resourceBounds(room: Float64Array, resource: number): ResourceBounds {
  let [freeMax, shareMax, shareMin] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let [capacityMax, capacityMin] = [0, Number.POSITIVE_INFINITY];
  for (let at = resource; at < room.length; at += ROOM.width) {
    const free = room[at] as number;
    const capacity = room[at + ROOM.capacity] as number;
    const share = shareAt(room, at);
    freeMax = Math.max(freeMax, free);
    shareMax = Math.max(shareMax, share);
    shareMin = Math.min(shareMin, share);
    capacityMax = Math.max(capacityMax, capacity > 0 ? capacity : Number.POSITIVE_INFINITY);
    if (capacity > 0) capacityMin = Math.min(capacityMin, capacity);
  }
  return { freeMax, shareMax, shareMin, capacityMax, capacityMin };
}

/** By place: where those begin that have the same room and stand side by side. */
export function runsOf(room: Float64Array): Int32Array {
  const runs = new Int32Array(room.length / ROOM.width);
  for (let place = 1; place < runs.length; place++)
    runs[place] = sameRoom(room, place) ? (runs[place - 1] as number) : place;
  return runs;
}

/** Whether a node has the same room as the one before it. */
function sameRoom(room: Float64Array, place: number): boolean {
  for (let at = place * ROOM.width, end = at + ROOM.width; at < end; at++) {
    if (room[at] !== room[at - ROOM.width]) return false;
  }
  return true;
}
