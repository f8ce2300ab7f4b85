import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { MigrationLimits } from "../domain/migration/migration-limits.ts";
import type { NPlusOnePolicy } from "../domain/placement/n-plus-one.ts";
import type { PlacementStrategy } from "../domain/placement/placement-strategy.ts";

/** What may be set of a cluster; what is absent stays, or is the default of a new one. */
export type ClusterChange = {
  readonly description?: string;
  /** A limit that is absent stays as it is. */
  readonly limits?: Partial<MigrationLimits>;
  readonly policy?: PolicyWish;
  readonly autoMigrate?: boolean;
  readonly allowOtherClusters?: boolean;
  /** False: agents do not ask their peers; for networks in which they cannot reach each other. */
  readonly survival?: boolean;
  /** Which of several nodes takes a container, from now on; nothing moves for it. */
  readonly placement?: PlacementStrategy;
  /** Every start asks what images' names stand for now, or containers' images are pinned. */
  readonly floatingImages?: boolean;
  /** What happens from now on to wishes that cost N+1. */
  readonly nPlusOne?: NPlusOnePolicy;
};

/** A shipped profile by name, or "custom" with figures; a figure that is absent stays as it is. */
export type PolicyWish = {
  readonly profile: string;
  readonly intervalMs?: number;
  readonly leaseMs?: number;
  readonly killMs?: number;
  readonly voteMs?: number;
  readonly unhealthyMs?: number;
};

/** What operators wish of clusters; each resolves once committed, and rejects with a Refusal before anything has changed. */
export interface ClusterWishes {
  /** Refusals: name_taken, unsafe_policy. */
  createCluster(name: string, change: ClusterChange, by: string): Promise<{ clusterId: string }>;
  /** Takes effect with the group's next epoch. `etag`: see etag.ts; empty: any. Refusals: not_found, unsafe_policy, etag_mismatch. */
  updateCluster(clusterId: string, change: ClusterChange, by: string, etag?: string): Promise<void>;
  /** Refusals: not_found, cluster_not_empty, etag_mismatch. */
  deleteCluster(clusterId: string, by: string, etag?: string): Promise<void>;
  /**
   * Declares silent nodes dead on a person's word that they are off for certain, where the majority that would prove it is
   * missing. Refusals: not_found, unknown_node (of another cluster), not_silent (it is heard, or dead already),
   * lease_not_over (with the time after which it will be).
   */
  overrideSuspension(clusterId: string, nodeIds: readonly string[], reason: string, by: string): Promise<void>;
}

/** How a voting group stands, as memory knows it. */
export type GroupReading = {
  readonly epoch: number;
  readonly policy: LeasePolicy;
  /** Epochs that some node may still believe in. */
  readonly epochsKept: number;
  readonly voters: readonly VoterReading[];
  readonly suspension: SuspensionReading | null;
};

export type VoterReading = {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly peerAddress: string;
  readonly state: "holds_lease" | "silent" | "dead" | "not_heard";
  /** For how long it is known to have held a lease without a gap; null when it holds none. */
  readonly heldMs: number | null;
  readonly confirmedEpoch: number | null;
};

export type SuspensionReading = {
  readonly sinceMs: number;
  readonly silent: readonly string[];
  readonly missing: readonly string[];
  readonly message: string;
  readonly nextStep: string;
};
