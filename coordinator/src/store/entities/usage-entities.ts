import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** What a container used over a stretch of time; see usage/usage-sample.ts. */
export const UsageSampleEntity = defineEntity({
  name: "UsageSample",
  tableName: "usage_sample",
  properties: {
    containerId: p.uuid().primary(),
    hourly: p.boolean().primary(),
    at: p.datetime().primary(),
    seconds: p.integer(),
    reports: p.integer(),
    cpuMillis: p.bigint("number"),
    cpuMillisMax: p.bigint("number"),
    memoryBytes: p.bigint("number"),
    memoryBytesMax: p.bigint("number"),
  },
  indexes: [{ properties: ["hourly", "at"] }],
});
export type UsageSampleRow = InferEntity<typeof UsageSampleEntity>;
