import type { JobRow } from "../entities/workload-entities.ts";
import type { Condition } from "./within-reach.ts";

/** Where a job lies among the events of its container. */
export type JobSpan = Pick<JobRow, "containerId" | "createdAt" | "endedAt" | "eventsAfter" | "eventsThrough">;

/** Which events are of a job's log: those of its container from the decision that it began with to the one that it ended with. */
export function eventsOfJob({ containerId, createdAt, endedAt, eventsAfter, eventsThrough }: JobSpan): Condition {
  // Of one of before its numbers were kept its time is known.
  const [column, after, through] =
    typeof eventsAfter === "number"
      ? ["sequence", eventsAfter + 1, eventsThrough ?? null]
      : ["at", createdAt, endedAt ?? null];
  const begun = { sql: `container_id = ? and ${column} >= ?`, params: [containerId, after] };
  return through === null ? begun : { sql: `${begun.sql} and ${column} <= ?`, params: [...begun.params, through] };
}
