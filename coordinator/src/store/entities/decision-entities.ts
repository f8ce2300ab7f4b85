import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import type { PlacementDecision } from "../../domain/placement/placement-decision.ts";
import type { OutboundAction } from "../../runtime/agent-link.ts";

/** One attempt to move an HA container. */
export const MigrationEntity = defineEntity({
  name: "Migration",
  tableName: "migration",
  properties: {
    id: p.uuid().primary(),
    containerId: p.uuid().index(),
    containerName: p.string().length(63),
    sourceNodeId: p.uuid(),
    targetNodeId: p.uuid().nullable(),
    trigger: p.string().length(16),
    outcome: p.string().length(16).index(),
    state: p.string().length(32),
    startedAt: p.datetime().index(),
    endedAt: p.datetime().nullable(),
    downtimeMs: p.bigint("number").nullable(),
    errorCode: p.string().length(64).default(""),
    errorMessage: p.text().default(""),
    decision: p.json<PlacementDecision>().nullable(),
    /** Of the request, or the decision without one, that began it; empty in those of before it was kept. */
    requestId: p.string().length(64).default(""),
    asOf: p.bigint("number").default(0),
  },
});
export type MigrationRow = InferEntity<typeof MigrationEntity>;

/** One state of a migration, entered and left. */
export const MigrationStepEntity = defineEntity({
  name: "MigrationStep",
  tableName: "migration_step",
  properties: {
    migrationId: p.uuid().primary(),
    position: p.integer().primary(),
    name: p.string().length(32),
    startedAt: p.datetime(),
    endedAt: p.datetime().nullable(),
    detail: p.text().default(""),
  },
});
export type MigrationStepRow = InferEntity<typeof MigrationStepEntity>;

/** What happened, numbered without a gap by the leader. */
export const EventEntity = defineEntity({
  name: "Event",
  tableName: "event",
  properties: {
    // Given by the leader in the deciding transaction: a database sequence would leave a gap at every rollback.
    sequence: p.bigint("number").primary().autoincrement(false),
    at: p.datetime(),
    type: p.string().length(64),
    severity: p.string().length(8),
    message: p.text(),
    nodeId: p.uuid().nullable().index(),
    containerId: p.uuid().nullable().index(),
    migrationId: p.uuid().nullable().index(),
    /** Where it happened: the clusters of its node, and those that its container was in and preferred. */
    clusterIds: p.array().columnType("uuid[]").default([]),
    data: p.json<Record<string, unknown>>(),
    /** Of the request, or the decision without one, that it follows from; empty in those of before it was kept. */
    requestId: p.string().length(64).index().default(""),
  },
  // "Has one of these clusters" is no comparison that a tree answers.
  indexes: [{ properties: ["clusterIds"], type: "gin" }],
});
export type EventRow = InferEntity<typeof EventEntity>;

/** A command for an agent: committed with the decision that needs it, sent afterwards, kept until its result is stored. */
export const OutboxEntity = defineEntity({
  name: "Outbox",
  tableName: "outbox",
  properties: {
    commandId: p.uuid().primary(),
    position: p.bigint("number").unique(),
    nodeId: p.uuid(),
    containerId: p.uuid().index(),
    ordinal: p.integer(),
    term: p.bigint("number"),
    session: p.bigint("number"),
    epoch: p.bigint("number"),
    timeoutMs: p.integer(),
    action: p.json<OutboundAction>(),
    /** Of the request, or the decision without one, that it follows from; empty in those of before it was kept. */
    requestId: p.string().length(64).default(""),
    /** pending until the result is stored ("done") or the node's session ended ("void"). */
    state: p.string().length(8),
    createdAt: p.datetime(),
    endedAt: p.datetime().nullable(),
    ok: p.boolean().nullable(),
    errorCode: p.string().length(64).default(""),
    errorMessage: p.text().default(""),
  },
  indexes: [{ properties: ["nodeId", "state"] }],
});
export type OutboxRow = InferEntity<typeof OutboxEntity>;

/** Who decides. The lease is judged by the change of renewals on the reader's own clock; stored times are never compared. */
export const LeadershipEntity = defineEntity({
  name: "Leadership",
  tableName: "leadership",
  properties: {
    scope: p.string().length(63).primary(),
    holder: p.string().length(128).nullable(),
    term: p.bigint("number").default(0),
    renewals: p.bigint("number").default(0),
    ttlMs: p.integer(),
  },
});
export type LeadershipRow = InferEntity<typeof LeadershipEntity>;

/** The committed state of one actor. */
export const ActorSnapshotEntity = defineEntity({
  name: "ActorSnapshot",
  tableName: "actor_snapshot",
  properties: {
    kind: p.string().length(16).primary(),
    id: p.uuid().primary(),
    machineVersion: p.integer(),
    snapshot: p.json<unknown>(),
    updatedAt: p.datetime(),
  },
});
export type ActorSnapshotRow = InferEntity<typeof ActorSnapshotEntity>;
