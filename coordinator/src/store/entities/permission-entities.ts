import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import type { PermissionPattern } from "../../permissions/permission.ts";

/** A role of one's own; those that ship are code. */
export const RoleEntity = defineEntity({
  name: "Role",
  tableName: "role",
  properties: {
    name: p.string().length(63).primary(),
    description: p.text(),
    includes: p.json<readonly string[]>(),
    grants: p.json<readonly PermissionPattern[]>(),
    secondFactorRequired: p.boolean().default(false),
    changedBy: p.string().length(320),
    changedAt: p.datetime(),
  },
});
export type RoleRow = InferEntity<typeof RoleEntity>;

/** A role that ships and demands a second factor of people. */
export const SecondFactorDemandEntity = defineEntity({
  name: "SecondFactorDemand",
  tableName: "second_factor_demand",
  properties: {
    role: p.string().length(63).primary(),
    changedBy: p.string().length(320),
    changedAt: p.datetime(),
  },
});
export type SecondFactorDemandRow = InferEntity<typeof SecondFactorDemandEntity>;

/** A role that somebody holds for a cluster or a container; the one for everything is a column of whoever holds it. */
export const RoleGrantEntity = defineEntity({
  name: "RoleGrant",
  tableName: "role_grant",
  properties: {
    /** "user" or "token". */
    holderKind: p.string().length(8).primary(),
    /** The user's id in the schema auth, or the token's digest. */
    holderId: p.string().length(64).primary(),
    role: p.string().length(63).primary(),
    /** "cluster" or "container". */
    scopeKind: p.string().length(16).primary(),
    /** One that is gone covers nothing: ids are never used again. */
    scopeId: p.uuid().primary(),
    createdBy: p.string().length(320),
    createdAt: p.datetime(),
  },
});
export type RoleGrantRow = InferEntity<typeof RoleGrantEntity>;
