import type { Reach } from "../../permissions/grant.ts";
import { EventEntity, type EventRow } from "../entities/decision-entities.ts";
import { eventsOfJob, type JobSpan } from "./job-events.ts";
import { isPlain } from "./lookup.ts";
import { pageSize } from "./page-token.ts";
import { readRows, rowsWhere } from "./read-rows.ts";
import type { Snapshot } from "./snapshot.ts";
import { all, type Condition, eventsWithin } from "./within-reach.ts";

/** An event as stored; nothing else says more of it. */
export type EventReading = EventRow;

/** Which events are asked for. */
export type EventFilter = {
  /** Only events with a higher sequence number. */
  readonly after: bigint;
  readonly containerId: string | null;
  readonly nodeId: string | null;
  /** Only those of its log: of its container, from when it was asked for until it ended; null: all. */
  readonly job: JobSpan | null;
  /** Only what follows from this request or decision; empty: all. */
  readonly request: string;
  /** 0 means 100. */
  readonly pageSize: number;
  /** True: the newest that match instead of the oldest. */
  readonly latest: boolean;
  /** Whose event:view it is. */
  readonly reach: Reach;
};

/** Lists events, oldest first. */
export async function listEvents(snapshot: Snapshot, filter: EventFilter): Promise<EventReading[]> {
  const where: Condition[] = [{ sql: "sequence > ?", params: [toColumn(filter.after)] }, eventsWithin(filter.reach)];
  if (filter.containerId !== null) where.push({ sql: "container_id = ?", params: [filter.containerId] });
  if (filter.nodeId !== null) where.push({ sql: "node_id = ?", params: [filter.nodeId] });
  // What PostgreSQL cannot hold no request is called by.
  if (!isPlain(filter.request)) return [];
  if (filter.request !== "") where.push({ sql: "request_id = ?", params: [filter.request] });
  if (filter.job !== null) where.push(eventsOfJob(filter.job));
  const limit = pageSize({ pageSize: filter.pageSize, pageToken: "" });
  const order = `sequence ${filter.latest ? "desc" : "asc"}`;
  const rows = await rowsWhere(snapshot, EventEntity, all(where), order, limit);
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
