import {
  MigrationEntity,
  type MigrationRow,
  MigrationStepEntity,
  type MigrationStepRow,
} from "../entities/decision-entities.ts";
import { NodeEntity } from "../entities/fleet-entities.ts";
import { isUuid } from "./lookup.ts";
import { foreignPageToken, type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows } from "./read-rows.ts";
import { distinct, type Snapshot } from "./snapshot.ts";

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

/** Lists migrations, newest first. */
export async function listMigrations(
  snapshot: Snapshot,
  filter: { readonly containerId: string | null; readonly activeOnly: boolean } & PageRequest,
): Promise<Page<MigrationReading>> {
  const size = pageSize(filter);
  const [startedMs, id] = pageStart("migrations", filter.pageToken, 2) ?? [];
  if (id !== undefined && !(isUuid(id) && Number.isSafeInteger(Number(startedMs)))) throw foreignPageToken();
  const after =
    startedMs === undefined || id === undefined
      ? {}
      : {
          $or: [
            { startedAt: { $lt: new Date(Number(startedMs)) } },
            { startedAt: new Date(Number(startedMs)), id: { $lt: id } },
          ],
        };
  const rows = await readRows(
    snapshot,
    MigrationEntity,
    {
      ...(filter.containerId === null ? {} : { containerId: filter.containerId }),
      ...(filter.activeOnly ? { outcome: "running" } : {}),
      ...after,
    },
    { orderBy: { startedAt: "desc", id: "desc" }, limit: size + 1 },
  );
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
  const nodes = await readRows(
    snapshot,
    NodeEntity,
    { id: { $in: distinct(rows.flatMap((row) => [row.sourceNodeId, row.targetNodeId])) } },
    { fields: ["id", "name"] },
  );
  const nameOf = new Map(nodes.map((node) => [node.id, node.name]));
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
