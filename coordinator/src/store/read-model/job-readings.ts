import { JOB_KINDS } from "../../domain/container/job-kind.ts";
import type { Reach } from "../../permissions/grant.ts";
import { JobEntity, type JobRow } from "../entities/workload-entities.ts";
import { type FilterFields, filterConditions } from "./list-filter.ts";
import { isPlain, isUuid } from "./lookup.ts";
import { foreignPageToken, type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows, rowsWhere } from "./read-rows.ts";
import type { Snapshot } from "./snapshot.ts";
import { all, type Condition, containersWithin } from "./within-reach.ts";

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
): Promise<Page<JobRow>> {
  const size = pageSize(filter);
  const [createdMs, id] = pageStart("jobs", filter.pageToken, 2) ?? [];
  if (id !== undefined && !(isUuid(id) && Number.isSafeInteger(Number(createdMs)))) throw foreignPageToken();
  const { container } = filter;
  // What PostgreSQL cannot hold nothing is called by.
  if (container !== null && !isPlain(container)) return toPage<JobRow>("jobs", [], size, () => []);
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
  return toPage("jobs", rows, size, (row) => [String(row.createdAt.getTime()), row.id]);
}

/** The job with this id; null when there is none. */
export async function jobById(snapshot: Snapshot, id: string): Promise<JobRow | null> {
  return (await readRows(snapshot, JobEntity, { id }))[0] ?? null;
}
