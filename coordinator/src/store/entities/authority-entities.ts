import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import type { RotationPhase } from "../../domain/authority/rotation.ts";

/** A certificate authority of the fleet, its key sealed by a master key; one that is retired has no key any more. */
export const AuthorityEntity = defineEntity({
  name: "Authority",
  tableName: "authority",
  properties: {
    /** SHA-256 of the certificate, hex. */
    id: p.string().length(64).primary(),
    certificate: p.text(),
    keyId: p.uuid().nullable(),
    masterKeyId: p.string().length(16).nullable(),
    wrapped: p.text().nullable(),
    createdAt: p.datetime(),
    retiredAt: p.datetime().nullable(),
  },
});
export type AuthorityRow = InferEntity<typeof AuthorityEntity>;

/** Which authority vouches for the fleet, and which is taking its place. One row. */
export const AuthorityRotationEntity = defineEntity({
  name: "AuthorityRotation",
  tableName: "authority_rotation",
  properties: {
    scope: p.string().length(63).primary(),
    phase: p.string().$type<RotationPhase>().length(16),
    currentId: p.string().length(64),
    nextId: p.string().length(64).nullable(),
    revision: p.integer(),
    phaseSince: p.datetime(),
    startedAt: p.datetime().nullable(),
    startedBy: p.string().length(320).default(""),
    leftBehind: p.json<readonly string[]>().defaultRaw("'[]'"),
  },
});
export type AuthorityRotationRow = InferEntity<typeof AuthorityRotationEntity>;

/** By which revision of the rotation a coordinator serves. */
export const AuthorityCoordinatorEntity = defineEntity({
  name: "AuthorityCoordinator",
  tableName: "authority_coordinator",
  properties: {
    name: p.string().length(320).primary(),
    revision: p.integer(),
    seenAt: p.datetime(),
  },
});
export type AuthorityCoordinatorRow = InferEntity<typeof AuthorityCoordinatorEntity>;

/** Whom a node trusts, and whose its certificate is, as its agent said last. */
export const NodeTrustEntity = defineEntity({
  name: "NodeTrust",
  tableName: "node_trust",
  properties: {
    nodeId: p.uuid().primary(),
    trusted: p.json<readonly string[]>(),
    issuer: p.string().length(64),
    reportedAt: p.datetime(),
  },
});
export type NodeTrustRow = InferEntity<typeof NodeTrustEntity>;
