import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChangeSchema, HealthSampleSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Place } from "../../permissions/grant.ts";

type Plain<T> = Exclude<T, { $typeName: string }>;

/** A committed event with what it touched, ready to be sent. Shared by all watchers; never changed. */
export type NumberedChange = {
  readonly sequence: bigint;
  readonly change: Plain<MessageInitShape<typeof ChangeSchema>>;
  /** Where that is, for watchers who may not see everything; null for what the change does not show. */
  readonly places: { readonly event: Place; readonly node: Place | null; readonly container: Place | null };
};

/** Health of some nodes, ready to be sent, and their clusters' ids by theirs. */
export type Health = {
  readonly sample: Plain<MessageInitShape<typeof HealthSampleSchema>>;
  readonly clusterOf: ReadonlyMap<string, string>;
};

export type HealthPage = {
  readonly health: Health;
  /** The name to go on after; null at the last page. */
  readonly next: string | null;
};

/** Where the hub takes what it sends. */
export interface WatchSource {
  /** Sequence number of the newest committed event; 0 before the first. */
  newest(): Promise<bigint>;
  /** The next committed events after a sequence number, in order, at most `changesMax`; empty when there are none. */
  changesAfter(sequence: bigint, changesMax: number): Promise<NumberedChange[]>;
  /** Health now of the next nodes by name after one of this name, a page of them; the empty name comes before all. */
  health(after: string): Promise<HealthPage>;
  /** Calls back after every commit that added events; returns the way to stop that. A hint: polling is the truth. */
  onCommitted(callback: () => void): () => void;
}
