import type { EntityManager } from "@mikro-orm/postgresql";
import type { JobChange, JobResult } from "../../runtime/decision-store.ts";
import { JobEntity } from "../entities/workload-entities.ts";

type BegunJob = {
  readonly id: string;
  readonly containerId: string;
  readonly containerName: string;
  readonly kind: string;
  readonly requestedBy: string;
  readonly requestId: string;
  readonly createdAt: Date;
  readonly migrationId: string | null;
  state: string;
  error: string;
  endedAt: Date | null;
  reached: string | null;
  nodeId: string | null;
  epoch: number | null;
  readonly eventsAfter: number;
  eventsThrough: number | null;
};

/** What one way of ending says of all of a kind that are open. */
type EndedJobs = {
  readonly container_id: string;
  readonly kind: string;
  readonly error: string;
  readonly result: JobResult | null;
  readonly events_through: number;
};

/** The columns of what it came to. */
const NO_RESULT: JobResult | Record<keyof JobResult, null> = { reached: null, nodeId: null, epoch: null };

/** Writes the record of operations: who asked for what, and how it ended; two statements, however many there are. */
export async function writeJobs(em: EntityManager, changes: readonly JobChange[], at: Date): Promise<void> {
  const begun: BegunJob[] = [];
  /** By container and kind, how those that were begun before end. Only what is open ends: the first word counts. */
  const ended = new Map<string, EndedJobs>();
  for (const change of changes) {
    const { containerId } = change;
    if (change.kind === "begun") {
      const { id, containerName, job, requestedBy, requestId, migrationId, done, eventsAfter, eventsThrough } = change;
      begun.push({
        id,
        containerId,
        containerName,
        kind: job,
        requestedBy: requestedBy.slice(0, 256),
        requestId,
        createdAt: at,
        migrationId,
        state: done ? "succeeded" : "running",
        error: "",
        endedAt: done ? at : null,
        ...(done ?? NO_RESULT),
        ...{ eventsAfter, eventsThrough },
      });
      continue;
    }
    const { error, jobs, result, eventsThrough } = change;
    for (const job of begun) {
      if (job.containerId !== containerId || job.endedAt || !jobs.includes(job.kind)) continue;
      Object.assign(job, { state: stateOf(error), error, endedAt: at, ...(result ?? NO_RESULT), eventsThrough });
    }
    for (const kind of jobs) {
      const key = `${containerId} ${kind}`;
      if (!ended.has(key))
        ended.set(key, { container_id: containerId, kind, error, result, events_through: eventsThrough });
    }
  }
  if (ended.size > 0) {
    const rows = [...ended.values()].map(({ result, ...row }) => ({
      ...row,
      state: stateOf(row.error),
      reached: result?.reached ?? null,
      node_id: result?.nodeId ?? null,
      epoch: result?.epoch ?? null,
    }));
    await em.execute(
      `update job j set state = v.state, error = v.error, ended_at = ?, reached = v.reached, node_id = v.node_id, epoch = v.epoch,
         events_through = v.events_through
       from jsonb_to_recordset(?::jsonb) as v (
         container_id uuid, kind text, state text, error text, reached text, node_id uuid, epoch bigint, events_through bigint)
       where j.container_id = v.container_id and j.kind = v.kind and j.ended_at is null`,
      [at, JSON.stringify(rows)],
    );
  }
  if (begun.length > 0) await em.insertMany(JobEntity, begun);
}

const stateOf = (error: string): string => (error ? "failed" : "succeeded");
