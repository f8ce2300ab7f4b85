import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ResourcesSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Resources } from "../../domain/resources.ts";

/** Amounts as the API shows them. */
export function resourcesView(amount: Resources): MessageInitShape<typeof ResourcesSchema> {
  return {
    cpuMillis: amount.cpuMillis,
    memoryBytes: BigInt(amount.memoryBytes),
    diskBytes: BigInt(amount.diskBytes),
  };
}

/** A moment, where there is one; an absent field has no place in a message initialiser. */
export function momentField<K extends string>(field: K, at: Date | null | undefined): { [P in K]?: Timestamp } {
  const view: { [P in K]?: Timestamp } = {};
  if (at !== null && at !== undefined) view[field] = timestampFromDate(at);
  return view;
}
