import type { AlertRecord } from "../../domain/alert/alert.ts";
import type { Reach } from "../../permissions/grant.ts";
import { alertOfRow } from "../decisions/alert-rows.ts";
import { AlertEntity, type AlertRow } from "../entities/alert-entities.ts";
import { ClusterEntity, NodeEntity, RemovedNodeEntity } from "../entities/fleet-entities.ts";
import { ContainerEntity } from "../entities/workload-entities.ts";
import { isUuid } from "./lookup.ts";
import { foreignPageToken, type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows, rowsWhere } from "./read-rows.ts";
import { distinct, type Snapshot } from "./snapshot.ts";
import { alertsWithin, all, type Condition } from "./within-reach.ts";

/** An alert with the name of what it is about; empty when that is gone. */
export type AlertReading = {
  readonly alert: AlertRecord;
  readonly subjectName: string;
  readonly asOf: bigint;
};

/** Lists the alerts within a reach, newest first; the unresolved ones alone unless `resolved`. */
export async function listAlerts(
  snapshot: Snapshot,
  filter: { readonly resolved: boolean; readonly subjectId: string | null; readonly reach: Reach } & PageRequest,
): Promise<Page<AlertReading>> {
  const size = pageSize(filter);
  const [openedMs, id] = pageStart("alerts", filter.pageToken, 2) ?? [];
  if (id !== undefined && !(isUuid(id) && Number.isSafeInteger(Number(openedMs)))) throw foreignPageToken();
  const where: Condition[] = [alertsWithin(filter.reach)];
  if (!filter.resolved) where.push({ sql: "resolved_at is null", params: [] });
  if (filter.subjectId !== null) where.push({ sql: "subject_id = ?", params: [filter.subjectId] });
  if (openedMs !== undefined && id !== undefined) {
    where.push({ sql: "(opened_at, id) < (?::timestamptz, ?::uuid)", params: [new Date(Number(openedMs)), id] });
  }
  const rows = await rowsWhere(snapshot, AlertEntity, all(where), "opened_at desc, id desc", size + 1);
  const page = toPage("alerts", rows, size, (row) => [String(row.openedAt.getTime()), row.id]);
  return { ...page, rows: await complete(snapshot, page.rows) };
}

/** The alerts with these ids, those that exist. */
export async function alertsById(snapshot: Snapshot, ids: readonly string[]): Promise<Map<string, AlertReading>> {
  if (ids.length === 0) return new Map();
  const rows = await readRows(snapshot, AlertEntity, { id: { $in: [...ids] } });
  return new Map((await complete(snapshot, rows)).map((reading) => [reading.alert.id, reading]));
}

/** How many of those within a reach are open, nobody having taken them on. */
export async function countOpenAlerts({ em }: Snapshot, reach: Reach): Promise<number> {
  const within = alertsWithin(reach);
  const [row] = await em.execute<{ open: number }[]>(
    `select count(*)::int as open from alert where resolved_at is null and state = 'open' and (${within.sql})`,
    [...within.params],
  );
  return row?.open ?? 0;
}

async function complete(snapshot: Snapshot, rows: readonly AlertRow[]): Promise<AlertReading[]> {
  if (rows.length === 0) return [];
  const idsOf = (kind: string): string[] =>
    distinct(rows.map((row) => (row.subjectKind === kind ? row.subjectId : "")));
  const named = [
    ...(await readRows(snapshot, NodeEntity, { id: { $in: idsOf("node") } }, { fields: ["id", "name"] })),
    ...(await readRows(snapshot, RemovedNodeEntity, { id: { $in: idsOf("node") } }, { fields: ["id", "name"] })),
    ...(await readRows(snapshot, ContainerEntity, { id: { $in: idsOf("container") } }, { fields: ["id", "name"] })),
    ...(await readRows(snapshot, ClusterEntity, { id: { $in: idsOf("cluster") } }, { fields: ["id", "name"] })),
  ];
  const nameOf = new Map(named.map(({ id, name }) => [id, name]));
  return rows.map((row) => ({
    alert: alertOfRow(row),
    subjectName: nameOf.get(row.subjectId) ?? "",
    asOf: snapshot.asOf,
  }));
}
