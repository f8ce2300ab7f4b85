import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** Something that was or is wrong, from when it was noticed until it ended. */
export const AlertEntity = defineEntity({
  name: "Alert",
  tableName: "alert",
  properties: {
    id: p.uuid().primary(),
    kind: p.string().length(64),
    severity: p.string().length(8),
    subjectKind: p.string().length(16),
    subjectId: p.uuid().index(),
    message: p.text(),
    nextStep: p.text(),
    data: p.json<Record<string, unknown>>(),
    endsWhenAcknowledged: p.boolean().default(false),
    /** "open", "acknowledged" or "resolved". */
    state: p.string().length(16),
    openedAt: p.datetime().index(),
    raisedAt: p.datetime(),
    acknowledgedAt: p.datetime().nullable(),
    acknowledgedBy: p.string().length(256).default(""),
    resolvedAt: p.datetime().nullable().index(),
    count: p.integer().default(1),
    asOf: p.bigint("number").default(0),
  },
});
export type AlertRow = InferEntity<typeof AlertEntity>;

/** A transition of an alert that the webhook's receiver has not confirmed yet; deleted once it has. */
export const AlertDeliveryEntity = defineEntity({
  name: "AlertDelivery",
  tableName: "alert_delivery",
  properties: {
    // A database sequence: gaps do not matter here, only the order does.
    position: p.bigint("number").primary().autoincrement(),
    id: p.uuid().unique(),
    alertId: p.uuid(),
    transition: p.string().length(16),
    at: p.datetime(),
    /** The alert right after the transition. */
    alert: p.json<unknown>(),
    attempts: p.integer().default(0),
    lastError: p.text().default(""),
  },
});
export type AlertDeliveryRow = InferEntity<typeof AlertDeliveryEntity>;
