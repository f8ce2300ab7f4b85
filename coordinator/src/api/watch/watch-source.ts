import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChangeSchema, HealthSampleSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";

/** A committed event with what it touched, ready to be sent. Shared by all watchers; never changed. */
export type NumberedChange = { readonly sequence: bigint; readonly change: MessageInitShape<typeof ChangeSchema> };

/** Health of all nodes, ready to be sent. */
export type Health = MessageInitShape<typeof HealthSampleSchema>;

/** Where the hub takes what it sends. */
export interface WatchSource {
  /** Sequence number of the newest committed event; 0 before the first. */
  newest(): Promise<bigint>;
  /** The next committed events after a sequence number, in order, at most `changesMax`; empty when there are none. */
  changesAfter(sequence: bigint, changesMax: number): Promise<NumberedChange[]>;
  /** Health of the nodes now. */
  health(): Promise<Health>;
  /** Calls back after every commit that added events; returns the way to stop that. A hint: polling is the truth. */
  onCommitted(callback: () => void): () => void;
}
