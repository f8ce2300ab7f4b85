import type { JsonObject } from "@bufbuild/protobuf";
import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/**
 * One line of the audit trail. A call that changes something has two: what it is about to do, and, referring to that, what
 * became of it. Never updated; deleted only by audit_entry_forget().
 */
export const AuditEntryEntity = defineEntity({
  name: "AuditEntry",
  tableName: "audit_entry",
  properties: {
    // A database sequence: gaps do not matter here, only the order does.
    sequence: p.bigint("number").primary().autoincrement(),
    // The database's clock: one of a coordinator that is wrong must not make entries old enough to be deleted.
    at: p.datetime().defaultRaw("now()").index(),
    /** Set on an outcome, which leaves what the line it refers to says already as it is: empty. */
    refersTo: p.bigint("number").nullable().unique(),
    requestId: p.string().length(64).index().default(""),
    actorKind: p.string().length(16).default(""),
    actorId: p.string().length(64).default(""),
    actorName: p.string().length(256).default("").index(),
    tokenPrefix: p.string().length(16).default(""),
    address: p.string().length(64).default(""),
    method: p.string().length(128).default(""),
    permission: p.string().length(64).default(""),
    objectKind: p.string().length(16).default(""),
    objectId: p.string().length(64).default(""),
    objectName: p.string().length(256).default("").index(),
    /** "allowed" or "denied". */
    decision: p.string().length(8),
    /** "ok" or an error's code; empty while it is not known. */
    outcome: p.string().length(64).default(""),
    reason: p.string().length(1_024).default(""),
    count: p.integer().default(1),
    since: p.datetime().nullable(),
    request: p.json<JsonObject>().nullable(),
    before: p.json<JsonObject>().nullable(),
    after: p.json<JsonObject>().nullable(),
  },
});
export type AuditEntryRow = InferEntity<typeof AuditEntryEntity>;

/** How long entries are kept; one row, which the trigger that guards them reads. */
export const AuditRetentionEntity = defineEntity({
  name: "AuditRetention",
  tableName: "audit_retention",
  checks: [{ name: "audit_retention_days_check", expression: "days >= 30" }],
  properties: { id: p.integer().primary().autoincrement(false), days: p.integer() },
});
