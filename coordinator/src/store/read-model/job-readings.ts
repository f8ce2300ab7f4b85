import { JOB_KINDS } from "../../domain/container/job-kind.ts";
import type { ActorStanding } from "../../domain/container/job-progress.ts";
import type { Reach } from "../../permissions/grant.ts";
import { MigrationEntity, type MigrationRow } from "../entities/decision-entities.ts";
import { JobEntity, type JobRow } from "../entities/workload-entities.ts";
import { isOfJob, jobsOfEvents, type LoggedEvent } from "./job-events.ts";
import { type FilterFields, filterConditions } from "./list-filter.ts";
import { isPlain, isUuid } from "./lookup.ts";
import { nodeNames } from "./node-names.ts";
import { foreignPageToken, type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows, rowsWhere } from "./read-rows.ts";
import { distinct, type Snapshot, uuidArray } from "./snapshot.ts";
import { all, type Condition, containersWithin } from "./within-reach.ts";

/** A job with what is told of it by its container's actor, its migration and its nodes' names. */
export type JobReading = {
  readonly row: JobRow;
  /** Of one that has ended: null. */
  readonly actor: ActorStanding | null;
  /** The migration that it began or took back; null: none, or nobody knows it any more. */
  readonly migration: Pick<MigrationRow, "sourceNodeId" | "downtimeMs"> | null;
  readonly nodeName: string;
  readonly sourceNodeName: string;
};

const words = (...all: readonly string[]) => Object.fromEntries(all.map((word) => [word, word]));

const FILTERS: FilterFields = {
  container: { kind: "text", sql: "container_name" },
  kind: {
    kind: "word",
    sql: "kind",
    words: words(...JOB_KINDS),
  },
  state: { kind: "word", sql: "state", words: words("running", "succeeded", "failed") },
  requested_by: { kind: "text", sql: "requested_by" },
  request_id: { kind: "text", sql: "request_id" },
  created_at: { kind: "moment", sql: "created_at" },
  ended_at: { kind: "moment", sql: "ended_at" },
};

/** Lists the jobs within a reach, newest first; of one container (null: all) by its id or by the name that it has or had. */
export async function listJobs(
  snapshot: Snapshot,
  filter: {
    readonly container: string | null;
    readonly activeOnly: boolean;
    readonly reach: Reach;
    readonly filter?: string;
  } & PageRequest,
): Promise<Page<JobReading>> {
  const size = pageSize(filter);
  const [createdMs, id] = pageStart("jobs", filter.pageToken, 2) ?? [];
  if (id !== undefined && !(isUuid(id) && Number.isSafeInteger(Number(createdMs)))) throw foreignPageToken();
  const { container } = filter;
  // What PostgreSQL cannot hold nothing is called by.
  if (container !== null && !isPlain(container)) return toPage<JobReading>("jobs", [], size, () => []);
  const where: Condition[] = [
    containersWithin(filter.reach, "job.container_id"),
    ...filterConditions(filter.filter ?? "", FILTERS),
  ];
  if (container !== null) {
    where.push({ sql: isUuid(container) ? "container_id = ?::uuid" : "container_name = ?", params: [container] });
  }
  if (filter.activeOnly) where.push({ sql: "ended_at is null", params: [] });
  if (createdMs !== undefined && id !== undefined) {
    where.push({ sql: "(created_at, id) < (?::timestamptz, ?::uuid)", params: [new Date(Number(createdMs)), id] });
  }
  const rows = await rowsWhere(snapshot, JobEntity, all(where), "created_at desc, id desc", size + 1);
  const page = toPage("jobs", rows, size, (row) => [String(row.createdAt.getTime()), row.id]);
  return { ...page, rows: await complete(snapshot, page.rows) };
}

/** The job with this id; null when there is none. */
export async function jobById(snapshot: Snapshot, id: string): Promise<JobReading | null> {
  const rows = await readRows(snapshot, JobEntity, { id });
  return (await complete(snapshot, rows))[0] ?? null;
}

/** Jobs that are told of with one event, at most: the newest. */
export const JOBS_PER_EVENT_MAX = 16;

/** By the event's number, the jobs in whose log each of these events is, newest first, as they are now. */
export async function jobsByEvent(
  snapshot: Snapshot,
  events: readonly LoggedEvent[],
): Promise<ReadonlyMap<number, readonly JobReading[]>> {
  const containerIds = distinct(events.map((event) => event.containerId));
  if (containerIds.length === 0) return new Map();
  const where = jobsOfEvents(events, uuidArray(containerIds));
  const limit = events.length * JOBS_PER_EVENT_MAX;
  const rows = await rowsWhere(snapshot, JobEntity, where, "created_at desc, id desc", limit);
  const jobsOf = Map.groupBy(await complete(snapshot, rows), ({ row }) => row.containerId);
  return new Map(
    events.map((event) => {
      const jobs = jobsOf.get(event.containerId ?? "") ?? [];
      return [event.sequence, jobs.filter(({ row }) => isOfJob(event, row)).slice(0, JOBS_PER_EVENT_MAX)];
    }),
  );
}

async function complete(snapshot: Snapshot, rows: readonly JobRow[]): Promise<JobReading[]> {
  const actors = await actorsOf(
    snapshot,
    distinct(rows.filter((row) => row.endedAt === null).map((row) => row.containerId)),
  );
  const migrationIds = distinct(rows.map((row) => row.migrationId));
  const found =
    migrationIds.length === 0
      ? []
      : await readRows(
          snapshot,
          MigrationEntity,
          { id: { $in: migrationIds } },
          { fields: ["id", "sourceNodeId", "downtimeMs"] },
        );
  const migrations = new Map(found.map((migration) => [migration.id, migration]));
  const nameOf = await nodeNames(snapshot, [
    ...rows.map((row) => row.nodeId),
    ...found.map((migration) => migration.sourceNodeId),
  ]);
  return rows.map((row) => {
    const migration = migrations.get(row.migrationId ?? "") ?? null;
    return {
      row,
      actor: row.endedAt === null ? (actors.get(row.containerId) ?? null) : null,
      migration,
      nodeName: nameOf.get(row.nodeId ?? "") ?? "",
      sourceNodeName: nameOf.get(migration?.sourceNodeId ?? "") ?? "",
    };
  });
}

/** What these containers' actors are at, by their stored snapshots. */
async function actorsOf({ em }: Snapshot, containerIds: readonly string[]): Promise<Map<string, ActorStanding>> {
  if (containerIds.length === 0) return new Map();
  const rows = await em.execute<
    { id: string; value: ActorStanding["value"]; reason: string; held_for: string; move_error: string }[]
  >(
    `select id, snapshot->'value' as value,
            coalesce(snapshot->'context'->>'reason', '') as reason,
            coalesce(snapshot->'context'->'move'->>'heldFor', '') as held_for,
            coalesce(snapshot->'context'->'move'->'error'->>'message', '') as move_error
       from actor_snapshot where kind = 'container' and id = any(?::uuid[])`,
    [uuidArray(containerIds)],
  );
  return new Map(
    rows.map(({ id, value, reason, held_for, move_error }) => [
      id,
      { value, reason, heldFor: held_for, moveError: move_error },
    ]),
  );
}
