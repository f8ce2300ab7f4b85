import { EventEntity, type EventRow } from "../entities/decision-entities.ts";
import { pageSize } from "./page-token.ts";
import { readRows } from "./read-rows.ts";
import type { Snapshot } from "./snapshot.ts";

/** An event as stored; nothing else says more of it. */
export type EventReading = EventRow;

/** Which events are asked for. */
export type EventFilter = {
  /** Only events with a higher sequence number. */
  readonly after: bigint;
  readonly containerId: string | null;
  readonly nodeId: string | null;
  /** 0 means 100. */
  readonly pageSize: number;
  /** True: the newest that match instead of the oldest. */
  readonly latest: boolean;
};

/** Lists events, oldest first. */
export async function listEvents(snapshot: Snapshot, filter: EventFilter): Promise<EventReading[]> {
  const rows = await readRows(
    snapshot,
    EventEntity,
    {
      sequence: { $gt: toColumn(filter.after) },
      ...(filter.containerId === null ? {} : { containerId: filter.containerId }),
      ...(filter.nodeId === null ? {} : { nodeId: filter.nodeId }),
    },
    {
      orderBy: { sequence: filter.latest ? "desc" : "asc" },
      limit: pageSize({ pageSize: filter.pageSize, pageToken: "" }),
    },
  );
  return filter.latest ? rows.reverse() : rows;
}

/** The next events of the whole fleet after a sequence number, oldest first, at most `rowsMax`. */
export function eventsAfter(snapshot: Snapshot, after: bigint, rowsMax: number): Promise<EventReading[]> {
  return readRows(
    snapshot,
    EventEntity,
    { sequence: { $gt: toColumn(after) } },
    { orderBy: { sequence: "asc" }, limit: rowsMax },
  );
}

/** A uint64 of the wire for the bigint column; no event is ever numbered above 2^53. */
function toColumn(sequence: bigint): number {
  return sequence > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(sequence);
}
