import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { Voter } from "@lormas/lease/membership.ts";
import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import type { NodeDuty } from "../../domain/maintenance/duty-machine.ts";
import { DEFAULT_LIMITS } from "../../domain/migration/migration-limits.ts";
import type { NodeApproval } from "../../domain/node/node-approval.ts";
import type { NodeLabels } from "../../domain/node/node-labels.ts";
import { NODE_PRIORITY_DEFAULT } from "../../domain/node/node-priority.ts";
import type { NPlusOnePolicy } from "../../domain/placement/n-plus-one.ts";
import type { PlacementStrategy } from "../../domain/placement/placement-strategy.ts";

// Bytes, epochs, sessions and sequences are bigint columns read as numbers: all stay far below 2^53.

/** A named group of nodes in one place, with its policies. */
export const ClusterEntity = defineEntity({
  name: "Cluster",
  tableName: "cluster",
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(63).unique(),
    description: p.text().default(""),
    policy: p.json<LeasePolicy>(),
    autoMigrate: p.boolean().default(true),
    allowOtherClusters: p.boolean().default(false),
    /** What happens to a wish after which a node's death would leave a container without a place. */
    nPlusOne: p.string().$type<NPlusOnePolicy>().length(8).default("warn"),
    placement: p.string().$type<PlacementStrategy>().length(8).default("spread"),
    floatingImages: p.boolean().default(false),
    migrationsAtOnce: p.integer().default(DEFAULT_LIMITS.migrationsAtOnce),
    migrationsPerTarget: p.integer().default(DEFAULT_LIMITS.migrationsPerTarget),
    failoversPerTarget: p.integer().default(DEFAULT_LIMITS.failoversPerTarget),
    createdAt: p.datetime(),
  },
});
export type ClusterRow = InferEntity<typeof ClusterEntity>;

/**
 * One epoch of a voting group that some node may still believe in. A cluster is a group. Numbers rise through the whole fleet
 * and are never used again: the newest row of a group that is gone stays.
 */
export const MembershipEpochEntity = defineEntity({
  name: "MembershipEpoch",
  tableName: "membership_epoch",
  properties: {
    epoch: p.bigint("number").primary().autoincrement(false),
    clusterId: p.uuid().index(),
    voters: p.json<readonly Voter[]>(),
    policy: p.json<LeasePolicy>(),
    createdAt: p.datetime(),
  },
});
export type MembershipEpochRow = InferEntity<typeof MembershipEpochEntity>;

/** A host with an agent: what was enrolled and what it said of itself. */
export const NodeEntity = defineEntity({
  name: "Node",
  tableName: "node",
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(63).unique(),
    clusterId: p.uuid().index(),
    status: p.string().length(16),
    session: p.bigint("number").default(0),
    /** For placement: the lower, the more it is preferred. */
    priority: p.smallint().default(NODE_PRIORITY_DEFAULT),
    schedulable: p.boolean().default(true),
    labels: p.json<NodeLabels>().defaultRaw("'{}'"),
    guarded: p.boolean().default(false),
    clockSound: p.boolean().default(true),
    address: p.string().length(253).default(""),
    peerAddress: p.string().length(260).default(""),
    runtime: p.string().length(32).default(""),
    architecture: p.string().length(32).default(""),
    platform: p.string().length(256).default(""),
    agentVersion: p.string().length(64).default(""),
    portPoolMin: p.integer().default(0),
    portPoolMax: p.integer().default(0),
    cpuMillis: p.bigint("number").default(0),
    memoryBytes: p.bigint("number").default(0),
    diskBytes: p.bigint("number").default(0),
    certificateSerial: p.string().length(64).default(""),
    enrolledAt: p.datetime(),
    revokedAt: p.datetime().nullable(),
    /** It has no certificate yet and waits to be let in; null: it is in. */
    approval: p.json<NodeApproval>().nullable(),
    /** What operators have decided about it, of its actor; null: nothing ever. */
    duty: p.json<NodeDuty>().nullable(),
    /** Of the request behind its duty. */
    dutyRequestId: p.string().length(64).default(""),
    asOf: p.bigint("number").default(0),
  },
});
export type NodeRow = InferEntity<typeof NodeEntity>;

/** A node that was removed from the fleet: what histories call it. */
export const RemovedNodeEntity = defineEntity({
  name: "RemovedNode",
  tableName: "removed_node",
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(63),
    removedAt: p.datetime(),
  },
});
export type RemovedNodeRow = InferEntity<typeof RemovedNodeEntity>;

/** The newest sign of life of a node; flushed in batches, memory is fresher. */
export const NodeHealthEntity = defineEntity({
  name: "NodeHealth",
  tableName: "node_health",
  properties: {
    nodeId: p.uuid().primary(),
    status: p.string().length(16),
    lastHeartbeatAt: p.datetime().nullable(),
    usedCpuMillis: p.bigint("number").default(0),
    usedMemoryBytes: p.bigint("number").default(0),
    usedDiskBytes: p.bigint("number").default(0),
    // The membership epoch that the node has confirmed, or an earlier one; 0: not known. Lower is always safe.
    confirmedEpoch: p.bigint("number").default(0),
    updatedAt: p.datetime(),
  },
});
export type NodeHealthRow = InferEntity<typeof NodeHealthEntity>;

/** A one-time way into a cluster; only the secret's SHA-256 is kept. */
export const JoinTokenEntity = defineEntity({
  name: "JoinToken",
  tableName: "join_token",
  properties: {
    secretHash: p.string().length(64).primary(),
    clusterId: p.uuid(),
    createdBy: p.string().length(256),
    createdAt: p.datetime(),
    expiresAt: p.datetime(),
    /** Who claims it waits until an operator lets it in. */
    needsApproval: p.boolean().default(false),
    usedAt: p.datetime().nullable(),
    usedByNodeId: p.uuid().nullable(),
  },
});
export type JoinTokenRow = InferEntity<typeof JoinTokenEntity>;

/** A bearer token of the public plane; only its SHA-256 is kept. */
export const ApiTokenEntity = defineEntity({
  name: "ApiToken",
  tableName: "api_token",
  properties: {
    tokenHash: p.string().length(64).primary(),
    /** Unique among those that are valid. */
    name: p.string().length(128),
    /** What it may everywhere; empty: nothing. */
    role: p.string().length(63),
    /** How its secret begins. */
    prefix: p.string().length(16).default(""),
    createdBy: p.string().length(256).default(""),
    /** The id of the person who made it, or the token that it was made with, and so on; empty: nobody's. */
    owner: p.string().length(64).default(""),
    createdAt: p.datetime(),
    expiresAt: p.datetime().nullable(),
    lastUsedAt: p.datetime().nullable(),
    revokedAt: p.datetime().nullable(),
  },
});
export type ApiTokenRow = InferEntity<typeof ApiTokenEntity>;
