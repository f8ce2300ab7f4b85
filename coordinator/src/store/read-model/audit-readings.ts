import type { EntityManager } from "@mikro-orm/postgresql";
import { AuditEntryEntity, type AuditEntryRow } from "../entities/audit-entities.ts";
import { isPlain } from "./lookup.ts";
import { foreignPageToken, type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { rowsFrom } from "./read-rows.ts";

/** An entry with its outcome, where that is known: decision, outcome, reason, before and after are the outcome's then. */
export type AuditReading = Omit<AuditEntryRow, "refersTo">;

/** Which entries are asked for; empty and null: any. */
export type AuditFilter = {
  /** The actor's name, id or token prefix. */
  readonly actor: string;
  /** "Service/Method" or the method alone. */
  readonly method: string;
  /** The object's id or name. */
  readonly object: string;
  readonly decision: string;
  /** The request's id. */
  readonly request: string;
  /** From this moment on, and before that one. */
  readonly from: Date | null;
  readonly to: Date | null;
};

/** Lists entries, newest first. */
export async function listAuditEntries(
  em: EntityManager,
  filter: AuditFilter & PageRequest,
): Promise<Page<AuditReading>> {
  const size = pageSize(filter);
  const [start] = pageStart("audit", filter.pageToken, 1) ?? [];
  if (start !== undefined && !Number.isSafeInteger(Number(start))) throw foreignPageToken();
  const before = start === undefined ? Number.MAX_SAFE_INTEGER : Number(start);
  const rows = await readEntries(em, filter, { sql: "e.sequence < ?", params: [before] }, "desc", size + 1);
  return toPage("audit", rows, size, ({ sequence }) => [String(sequence)]);
}

/** The next entries after a sequence number up to another, oldest first, at most `rowsMax`. */
export function auditEntriesAfter(
  em: EntityManager,
  filter: AuditFilter,
  { after, upTo }: { readonly after: number; readonly upTo: number },
  rowsMax: number,
): Promise<AuditReading[]> {
  return readEntries(em, filter, { sql: "e.sequence > ? and e.sequence <= ?", params: [after, upTo] }, "asc", rowsMax);
}

/** The newest entry's sequence number; 0 before the first. */
export async function newestAuditEntry(em: EntityManager): Promise<number> {
  const [row] = await em.execute<{ newest: string | null }[]>("select max(sequence)::text as newest from audit_entry");
  return Number(row?.newest ?? 0);
}

async function readEntries(
  em: EntityManager,
  filter: AuditFilter,
  range: { readonly sql: string; readonly params: readonly unknown[] },
  order: "asc" | "desc",
  rowsMax: number,
): Promise<AuditReading[]> {
  const { actor, method, object, decision, request, from, to } = filter;
  // No entry has control characters there, and PostgreSQL would refuse the question.
  if (![actor, method, object, request].every(isPlain)) return [];
  const where: [sql: string, ...params: unknown[]][] = [["e.refers_to is null"], [range.sql, ...range.params]];
  if (actor !== "") where.push(["(e.actor_name = ? or e.actor_id = ? or e.token_prefix = ?)", actor, actor, actor]);
  if (method !== "") where.push(["(e.method = ? or split_part(e.method, '/', 2) = ?)", method, method]);
  if (object !== "") where.push(["(e.object_name = ? or e.object_id = ? or o.object_id = ?)", object, object, object]);
  if (decision !== "") where.push(["coalesce(o.decision, e.decision) = ?", decision]);
  if (request !== "") where.push(["e.request_id = ?", request]);
  if (from !== null) where.push(["e.at >= ?", from]);
  if (to !== null) where.push(["e.at < ?", to]);
  const raw = await em.execute<Record<string, unknown>[]>(
    `select e.sequence, e.at, e.request_id, e.actor_kind, e.actor_id, e.actor_name, e.token_prefix, e.address, e.method,
            e.permission, e.object_kind, e.object_name, e.count, e.since, e.request,
            coalesce(nullif(e.object_id, ''), o.object_id, '') as object_id, coalesce(o.decision, e.decision) as decision,
            coalesce(o.outcome, e.outcome) as outcome, coalesce(o.reason, e.reason) as reason,
            coalesce(o.before, e.before) as before, coalesce(o.after, e.after) as after
       from audit_entry e left join audit_entry o on o.refers_to = e.sequence
      where ${where.map(([sql]) => sql).join(" and ")}
      order by e.sequence ${order} limit ?`,
    [...where.flatMap(([, ...params]) => params), rowsMax],
  );
  return rowsFrom(em, AuditEntryEntity, raw);
}
