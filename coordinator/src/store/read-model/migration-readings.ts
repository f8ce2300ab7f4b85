import type { Reach } from "../../permissions/grant.ts";
import {
  MigrationEntity,
  type MigrationRow,
  MigrationStepEntity,
  type MigrationStepRow,
} from "../entities/decision-entities.ts";
import { type FilterFields, filterConditions } from "./list-filter.ts";
import { isUuid } from "./lookup.ts";
import { nodeNames } from "./node-names.ts";
import { foreignPageToken, type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows, rowsWhere } from "./read-rows.ts";
import type { Snapshot } from "./snapshot.ts";
import { all, type Condition, containersWithin } from "./within-reach.ts";

/** A migration with its steps in order and its nodes' names. */
export type MigrationReading = {
  readonly row: MigrationRow;
  readonly sourceNodeName: string;
  readonly targetNodeName: string;
  readonly steps: readonly MigrationStepRow[];
  /** Its place among those that wait in its source's cluster, from 1; 0 when it does not. */
  readonly queuePosition: number;
  readonly asOf: bigint;
};

const words = (...all: readonly string[]) => Object.fromEntries(all.map((word) => [word, word]));

/** Nodes are not among them: a migration names some that its reader may not see. */
const FILTERS: FilterFields = {
  container: { kind: "text", sql: "container_name" },
  outcome: { kind: "word", sql: "outcome", words: words("running", "completed", "failed", "cancelled") },
  trigger: { kind: "word", sql: '"trigger"', words: words("auto", "manual", "drain", "failback") },
  error_code: { kind: "text", sql: "error_code" },
  request_id: { kind: "text", sql: "request_id" },
  started_at: { kind: "moment", sql: "started_at" },
  ended_at: { kind: "moment", sql: "ended_at" },
};

/** Lists the migrations within a reach, newest first. */
export async function listMigrations(
  snapshot: Snapshot,
  filter: {
    readonly containerId: string | null;
    readonly activeOnly: boolean;
    readonly reach: Reach;
    readonly filter?: string;
  } & PageRequest,
): Promise<Page<MigrationReading>> {
  const size = pageSize(filter);
  const [startedMs, id] = pageStart("migrations", filter.pageToken, 2) ?? [];
  if (id !== undefined && !(isUuid(id) && Number.isSafeInteger(Number(startedMs)))) throw foreignPageToken();
  const where: Condition[] = [
    containersWithin(filter.reach, "container_id"),
    ...filterConditions(filter.filter ?? "", FILTERS),
  ];
  if (startedMs !== undefined && id !== undefined) {
    where.push({ sql: "(started_at, id) < (?::timestamptz, ?::uuid)", params: [new Date(Number(startedMs)), id] });
  }
  if (filter.containerId !== null) where.push({ sql: "container_id = ?", params: [filter.containerId] });
  if (filter.activeOnly) where.push({ sql: "outcome = 'running'", params: [] });
  const rows = await rowsWhere(snapshot, MigrationEntity, all(where), "started_at desc, id desc", size + 1);
  const page = toPage("migrations", rows, size, (row) => [String(row.startedAt.getTime()), row.id]);
  return { ...page, rows: await complete(snapshot, page.rows) };
}

/** The migrations with these ids, those that exist. */
export async function migrationsById(
  snapshot: Snapshot,
  ids: readonly string[],
): Promise<Map<string, MigrationReading>> {
  if (ids.length === 0) return new Map();
  const rows = await readRows(snapshot, MigrationEntity, { id: { $in: [...ids] } });
  return new Map((await complete(snapshot, rows)).map((reading) => [reading.row.id, reading]));
}

async function complete(snapshot: Snapshot, rows: readonly MigrationRow[]): Promise<MigrationReading[]> {
  if (rows.length === 0) return [];
  const steps = await readRows(
    snapshot,
    MigrationStepEntity,
    { migrationId: { $in: rows.map((row) => row.id) } },
    { orderBy: { migrationId: "asc", position: "asc" } },
  );
  const nameOf = await nodeNames(
    snapshot,
    rows.flatMap((row) => [row.sourceNodeId, row.targetNodeId]),
  );
  const positionOf = rows.some(isQueued) ? await queuePositions(snapshot) : new Map<string, number>();
  const stepsOf = Map.groupBy(steps, (step) => step.migrationId);
  return rows.map((row) => ({
    row,
    sourceNodeName: nameOf.get(row.sourceNodeId) ?? "",
    targetNodeName: nameOf.get(row.targetNodeId ?? "") ?? "",
    steps: stepsOf.get(row.id) ?? [],
    queuePosition: positionOf.get(row.id) ?? 0,
    asOf: snapshot.asOf,
  }));
}

const isQueued = (row: MigrationRow): boolean => row.outcome === "running" && row.state === "queued";

/** In the order of runtime/migration-queue.ts. */
async function queuePositions(snapshot: Snapshot): Promise<Map<string, number>> {
  const rows = await snapshot.em.execute<{ id: string; position: number }[]>(
    `select m.id, (row_number() over (
         partition by n.cluster_id
         order by (m.trigger = 'auto') desc,
                  array_position(array['critical', 'high', 'normal', 'low']::varchar[], c.restart_priority),
                  m.started_at, c.id))::int as position
       from migration m
       join node n on n.id = m.source_node_id
       join container c on c.id = m.container_id
      where m.outcome = 'running' and m.state = 'queued'`,
  );
  return new Map(rows.map(({ id, position }) => [id, position]));
}
