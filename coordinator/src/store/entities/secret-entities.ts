import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** The key of a container's secrets, sealed by a master key, which is never in the database. It goes with its container. */
export const ContainerKeyEntity = defineEntity({
  name: "ContainerKey",
  tableName: "container_key",
  properties: {
    containerId: p.uuid().primary(),
    /** Of the key: what it seals is bound to it. */
    id: p.uuid(),
    masterKeyId: p.string().length(16).index(),
    wrapped: p.text(),
  },
});
export type ContainerKeyRow = InferEntity<typeof ContainerKeyEntity>;

/** Who nodes are at a registry of images. */
export const RegistryEntity = defineEntity({
  name: "Registry",
  tableName: "registry",
  properties: {
    server: p.string().length(255).primary(),
    /** The cluster whose nodes it is for; empty: all that have none of their own. */
    clusterId: p.string().length(36).primary(),
    username: p.string().length(256),
    /** The password, sealed by the key beside it, which a master key seals in turn. */
    sealed: p.text(),
    keyId: p.uuid(),
    masterKeyId: p.string().length(16).index(),
    wrapped: p.text(),
    setBy: p.string().length(320),
    setAt: p.datetime(),
  },
});
export type RegistryRow = InferEntity<typeof RegistryEntity>;

/** Which master key the coordinators of this database have agreed on. One row. */
export const MasterKeyEntity = defineEntity({
  name: "MasterKey",
  tableName: "master_key",
  properties: {
    scope: p.string().length(63).primary(),
    keyId: p.string().length(16),
    since: p.datetime(),
  },
});
export type MasterKeyRow = InferEntity<typeof MasterKeyEntity>;
