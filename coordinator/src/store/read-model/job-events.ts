import type { JobRow } from "../entities/workload-entities.ts";
import type { Condition } from "./within-reach.ts";

/** Where a job lies among the events of its container. */
export type JobSpan = Pick<JobRow, "containerId" | "createdAt" | "endedAt" | "eventsAfter" | "eventsThrough">;

/** An event as far as a job's log asks. */
export type LoggedEvent = {
  readonly sequence: number;
  readonly at: Date;
  readonly containerId?: string | null | undefined;
};

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

/** The same, of an event that was read. */
export function isOfJob({ sequence, at, containerId }: LoggedEvent, job: JobSpan): boolean {
  if (containerId !== job.containerId) return false;
  const { eventsAfter, eventsThrough, createdAt, endedAt } = job;
  if (typeof eventsAfter === "number") {
    return sequence > eventsAfter && (typeof eventsThrough !== "number" || sequence <= eventsThrough);
  }
  return at >= createdAt && (!endedAt || at <= endedAt);
}

/** Which jobs have one of these events, which are in order, in their log; some others may be among them. */
export function jobsOfEvents(events: readonly LoggedEvent[], containerIds: string): Condition {
  const [first, last] = [events.at(0), events.at(-1)];
  if (first === undefined || last === undefined) return { sql: "false", params: [] };
  return {
    sql: `container_id = any(?::uuid[]) and case when events_after is null
            then created_at <= ? and (ended_at is null or ended_at >= ?)
            else events_after < ? and (events_through is null or events_through >= ?) end`,
    params: [containerIds, last.at, first.at, last.sequence, first.sequence],
  };
}
