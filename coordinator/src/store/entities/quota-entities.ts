import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** How much somebody, or a cluster, may have; null in a column: as much as there is. */
export const QuotaEntity = defineEntity({
  name: "Quota",
  tableName: "quota",
  properties: {
    /** "user" or "cluster". */
    subjectKind: p.string().length(8).primary(),
    subjectId: p.string().length(64).primary(),
    containers: p.integer().nullable(),
    cpuMillis: p.bigint("number").nullable(),
    memoryBytes: p.bigint("number").nullable(),
    diskBytes: p.bigint("number").nullable(),
    ports: p.integer().nullable(),
    setBy: p.string().length(320),
    setAt: p.datetime(),
  },
});
export type QuotaRow = InferEntity<typeof QuotaEntity>;
