import type { FilterQuery } from "@mikro-orm/postgresql";
import type { AlertRecord } from "../../domain/alert/alert.ts";
import { alertOfRow } from "../decisions/alert-rows.ts";
import { AlertEntity, type AlertRow } from "../entities/alert-entities.ts";
import { ClusterEntity, NodeEntity } from "../entities/fleet-entities.ts";
import { ContainerEntity } from "../entities/workload-entities.ts";
import { isUuid } from "./lookup.ts";
import { foreignPageToken, type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows } from "./read-rows.ts";
import { distinct, type Snapshot } from "./snapshot.ts";

/** An alert with the name of what it is about; empty when that is gone. */
export type AlertReading = {
  readonly alert: AlertRecord;
  readonly subjectName: string;
  readonly asOf: bigint;
};

/** Lists alerts, newest first; the unresolved ones alone unless `resolved`. */
export async function listAlerts(
  snapshot: Snapshot,
  filter: { readonly resolved: boolean; readonly subjectId: string | null } & PageRequest,
): Promise<Page<AlertReading>> {
  const size = pageSize(filter);
  const [openedMs, id] = pageStart("alerts", filter.pageToken, 2) ?? [];
  if (id !== undefined && !(isUuid(id) && Number.isSafeInteger(Number(openedMs)))) throw foreignPageToken();
  const where: FilterQuery<AlertRow>[] = [];
  if (!filter.resolved) where.push({ resolvedAt: null });
  if (filter.subjectId !== null) where.push({ subjectId: filter.subjectId });
  if (openedMs !== undefined && id !== undefined) {
    const openedAt = new Date(Number(openedMs));
    where.push({ $or: [{ openedAt: { $lt: openedAt } }, { openedAt, id: { $lt: id } }] });
  }
  const rows = await readRows(
    snapshot,
    AlertEntity,
    { $and: where },
    { orderBy: { openedAt: "desc", id: "desc" }, limit: size + 1 },
  );
  const page = toPage("alerts", rows, size, (row) => [String(row.openedAt.getTime()), row.id]);
  return { ...page, rows: await complete(snapshot, page.rows) };
}

/** The alerts with these ids, those that exist. */
export async function alertsById(snapshot: Snapshot, ids: readonly string[]): Promise<Map<string, AlertReading>> {
  if (ids.length === 0) return new Map();
  const rows = await readRows(snapshot, AlertEntity, { id: { $in: [...ids] } });
  return new Map((await complete(snapshot, rows)).map((reading) => [reading.alert.id, reading]));
}

/** How many are open, nobody having taken them on. */
export function countOpenAlerts({ em }: Snapshot): Promise<number> {
  return em.count(AlertEntity, { resolvedAt: null, state: "open" });
}

async function complete(snapshot: Snapshot, rows: readonly AlertRow[]): Promise<AlertReading[]> {
  if (rows.length === 0) return [];
  const idsOf = (kind: string): string[] =>
    distinct(rows.map((row) => (row.subjectKind === kind ? row.subjectId : "")));
  const named = [
    ...(await readRows(snapshot, NodeEntity, { id: { $in: idsOf("node") } }, { fields: ["id", "name"] })),
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
