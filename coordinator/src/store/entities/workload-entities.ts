import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import type { ContainerSuspension } from "../../domain/container/container-context.ts";
import type { MaybeSealed } from "../../domain/sealed-text.ts";
import type { WorkloadSpec } from "../../domain/workload.ts";
import type { EggDefinition } from "../../eggs/egg-definition.ts";
import type { ImagePin } from "../../runtime/image-pin.ts";

/** A shelf for eggs. */
export const CategoryEntity = defineEntity({
  name: "Category",
  tableName: "category",
  properties: {
    id: p.string().length(63).primary(),
    name: p.string().length(128),
  },
});
export type CategoryRow = InferEntity<typeof CategoryEntity>;

/** A template for containers. */
export const EggEntity = defineEntity({
  name: "Egg",
  tableName: "egg",
  properties: {
    id: p.string().length(63).primary(),
    categoryId: p.string().length(63).index(),
    name: p.string().length(128),
    version: p.string().length(32),
    builtIn: p.boolean().default(false),
    definition: p.json<EggDefinition>(),
    updatedAt: p.datetime(),
  },
});
export type EggRow = InferEntity<typeof EggEntity>;

/** The panel's document that an egg came from: large, and needed for an export alone. */
export const EggOriginEntity = defineEntity({
  name: "EggOrigin",
  tableName: "egg_origin",
  properties: {
    eggId: p.string().length(63).primary(),
    format: p.string().length(16),
    syntax: p.string().length(8),
    text: p.text(),
    json: p.text().nullable(),
  },
});
export type EggOriginRow = InferEntity<typeof EggOriginEntity>;

/** Something that must run. Desired columns are written for people's wishes, observed ones for agents' reports. */
export const ContainerEntity = defineEntity({
  name: "Container",
  tableName: "container",
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(63).unique(),
    eggId: p.string().length(63),
    ha: p.boolean(),
    desired: p.string().length(16),
    status: p.string().length(16),
    statusReason: p.text().default(""),
    nodeId: p.uuid().nullable().index(),
    preferredClusterId: p.uuid().nullable(),
    epoch: p.bigint("number").default(0),
    cpuMillis: p.bigint("number"),
    memoryBytes: p.bigint("number"),
    diskBytes: p.bigint("number"),
    spec: p.json<WorkloadSpec>(),
    environment: p.json<Record<string, MaybeSealed>>(),
    allowDataLoss: p.boolean().default(false),
    constraints: p.json<readonly string[]>().defaultRaw("'[]'"),
    architectures: p.json<readonly string[]>().defaultRaw("'[]'"),
    migrationStatus: p.string().length(16).default("idle"),
    migrationId: p.uuid().nullable(),
    lastMigrationAt: p.datetime().nullable(),
    restartCount: p.integer().default(0),
    restartPriority: p.string().length(16).default("normal"),
    crashesBeforeMove: p.integer().default(3),
    suspension: p.json<ContainerSuspension>().nullable(),
    imagePin: p.json<ImagePin>().nullable(),
    /** Of the request or decision behind what it is at work for, or was last. */
    requestId: p.string().length(64).default(""),
    createdAt: p.datetime(),
    asOf: p.bigint("number").default(0),
    /** The id of a person in the schema auth; empty: nobody's. */
    owner: p.string().length(64).default(""),
  },
});
export type ContainerRow = InferEntity<typeof ContainerEntity>;

/** What one container holds on one node; during a migration a container holds room on two. */
export const ReservationEntity = defineEntity({
  name: "Reservation",
  tableName: "reservation",
  properties: {
    containerId: p.uuid().primary(),
    nodeId: p.uuid().primary(),
    cpuMillis: p.bigint("number"),
    memoryBytes: p.bigint("number"),
    diskBytes: p.bigint("number"),
  },
  indexes: [{ properties: ["nodeId"] }],
});
export type ReservationRow = InferEntity<typeof ReservationEntity>;

/** A host port that a container holds; the key makes two holders impossible. */
export const PortReservationEntity = defineEntity({
  name: "PortReservation",
  tableName: "port_reservation",
  properties: {
    nodeId: p.uuid().primary(),
    protocol: p.string().length(3).primary(),
    hostPort: p.integer().primary(),
    containerId: p.uuid().index(),
    name: p.string().length(63),
    containerPort: p.integer(),
  },
});
export type PortReservationRow = InferEntity<typeof PortReservationEntity>;

/** A record of every operation on a container: who asked, how it went. */
export const JobEntity = defineEntity({
  name: "Job",
  tableName: "job",
  properties: {
    id: p.uuid().primary(),
    containerId: p.uuid().index(),
    containerName: p.string().length(63),
    kind: p.string().length(32),
    requestedBy: p.string().length(256),
    /** Of the request that asked for it; empty in those of before it was kept. */
    requestId: p.string().length(64).default(""),
    state: p.string().length(16),
    error: p.text().default(""),
    createdAt: p.datetime().index(),
    endedAt: p.datetime().nullable(),
    /** The migration that it begins or takes back. */
    migrationId: p.uuid().nullable(),
    /** The state that its container had reached, where that was, and under which epoch; null but where it succeeded. */
    reached: p.string().length(16).nullable(),
    nodeId: p.uuid().nullable(),
    epoch: p.bigint("number").nullable(),
    /** Its log: the events of its container behind the one of this number; null in those of before it was kept. */
    eventsAfter: p.bigint("number").nullable(),
    /** The last event of its log; null while it is under way. */
    eventsThrough: p.bigint("number").nullable(),
  },
});
export type JobRow = InferEntity<typeof JobEntity>;
