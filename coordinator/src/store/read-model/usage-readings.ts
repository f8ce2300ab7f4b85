import { UsageSampleEntity, type UsageSampleRow } from "../entities/usage-entities.ts";
import { rowsWhere } from "./read-rows.ts";
import type { Snapshot } from "./snapshot.ts";

/** Samples that one answer holds at most: a day of minutes and more. */
export const SAMPLES_MAX = 2_000;

/** A container's samples that began in [from, until), oldest first; of more than 2,000 the newest. */
export async function usageSamples(
  snapshot: Pick<Snapshot, "em">,
  filter: { readonly containerId: string; readonly hourly: boolean; readonly from: Date; readonly until: Date },
): Promise<UsageSampleRow[]> {
  const { containerId, hourly, from, until } = filter;
  const where = {
    sql: "container_id = ? and hourly = ? and at >= ? and at < ?",
    params: [containerId, hourly, from, until],
  };
  return (await rowsWhere(snapshot, UsageSampleEntity, where, "at desc", SAMPLES_MAX)).reverse();
}
