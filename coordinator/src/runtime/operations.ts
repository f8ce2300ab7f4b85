import type { ContainerTuning, RestartPriority } from "../domain/container/container-context.ts";
import type { NodeDemands } from "../domain/placement/node-demands.ts";
import type { Resources } from "../domain/resources.ts";
import type { MaybeSealed, WrappedKey } from "../domain/sealed-text.ts";
import type { WorkloadSpec } from "../domain/workload.ts";
import type { GroupReading } from "./cluster-wishes.ts";
import type { Within } from "./confinement.ts";
import type { SuspensionWish } from "./container-suspension.ts";
import type { FleetView } from "./fleet-view.ts";
import type { MigrationPreview } from "./migration-preview.ts";
import type { Granted } from "./operator-wishes.ts";
import type { Quotas } from "./quota-admission.ts";

/** A container as its creator wants it; everything validated and resolved from its egg already. */
export type NewContainer = {
  /** The id that it gets, so that the same wish can come twice; absent: any. */
  readonly id?: string;
  readonly name: string;
  readonly eggId: string;
  readonly ha: boolean;
  readonly preferredClusterId: string | null;
  readonly resources: Resources;
  /** As the user set it; the resolved environment is in spec.env. */
  readonly environment: Readonly<Record<string, MaybeSealed>>;
  /** Opens what of both is sealed; absent or null: nothing is. */
  readonly secretKey?: WrappedKey | null;
  readonly spec: WorkloadSpec;
  /** The id of the person whose it will be; absent or empty: nobody's. */
  readonly owner?: string;
  /** What it is held against; absent: nothing. */
  readonly quotas?: Quotas;
  readonly desired: "running" | "stopped";
  readonly allowDataLoss: boolean;
  /** Who goes first where not everybody can; "normal" unless it says otherwise. */
  readonly priority?: RestartPriority;
  /** Failures in a row on one node after which an HA container moves; 0: never. */
  readonly crashesBeforeMove?: number;
  /** What it asks of a node beside room; nothing when absent. */
  readonly demands?: NodeDemands;
};

/** What is given is changed, the rest stays. */
export type ContainerChange = {
  readonly tuning: Omit<ContainerTuning, "demands">;
  /** What of its demands on a node becomes another; what is absent stays. */
  readonly demands?: Partial<NodeDemands>;
  /** Null: nothing of what a copy is made with. */
  readonly remake: RemadeContainer | null;
  /** Its next start asks the registry what its image's name stands for. */
  readonly pullImage?: boolean;
  /** What it is held against; absent: nothing. */
  readonly quotas?: Quotas;
  /** The container must still have this etag (etag.ts); absent or empty: whatever it is. */
  readonly etag?: string;
};

/** What the next copy is made with; everything validated and resolved from its egg already. */
export type RemadeContainer = Pick<NewContainer, "ha" | "resources" | "environment" | "secretKey" | "spec"> & {
  /** The container as it was when this was made of it. */
  readonly before: Pick<NewContainer, "ha" | "resources" | "environment">;
};

/** What a wish is held against; what is absent binds nothing. */
export type WishTerms = {
  /** The clusters in which it may take room. */
  readonly within?: Within;
  /** The container must still have this etag (etag.ts); empty: whatever it is. */
  readonly etag?: string;
  /** Only those of clusters are looked at: its owner's was asked when it was made, and it has counted for him since. */
  readonly quotas?: Quotas;
};

/**
 * What people may wish for. Each method resolves once the wish is committed, so that nothing acknowledged is ever lost;
 * it rejects with a Refusal before anything has changed. requestedBy is recorded with the job.
 */
export interface Operations {
  /**
   * `within`: the clusters in which it may take room, all where it is absent. Refusals: name_taken, port_taken (a fixed host port that
   * every eligible node has given away), n_plus_one_lost, quota_exceeded, no_target (none of `within` has room now). A wish whose id a container
   * has is granted already.
   */
  createContainer(wish: NewContainer, requestedBy: string, within?: Within): Promise<{ containerId: string } & Granted>;
  /**
   * Wishing what is already wished is granted. Refusals: not_found, migration_in_progress, being_removed; running: suspended,
   * n_plus_one_lost, no_target (none of `within` has room now), quota_exceeded (it was on no node, and gets to one of a cluster whose
   * quota it would break). With an etag, one that is not this container's now: etag_mismatch.
   */
  setDesired(
    containerId: string,
    desired: "running" | "stopped" | "removed",
    requestedBy: string,
    terms?: WishTerms,
  ): Promise<Granted>;
  /**
   * Wishes it stopped and ends it without a grace, also where a stop is under way or its install script runs; killing what is
   * stopped is granted. Refusals: not_found, migration_in_progress, being_removed.
   */
  kill(containerId: string, requestedBy: string): Promise<void>;
  /**
   * Stops it, and refuses every start until it is lifted; suspending it again changes the reason. Refusals: not_found,
   * migration_in_progress, being_removed.
   */
  suspend(wish: SuspensionWish): Promise<void>;
  /** Starts nothing; lifting none is granted. Refusals: not_found, being_removed. */
  unsuspend(containerId: string, requestedBy: string): Promise<void>;
  /**
   * Refusals: not_found, migration_in_progress, being_removed, not_stopped (a remake of one that may run), no_target (a stopped
   * one holds room on its node, and more does not fit there), n_plus_one_lost, etag_mismatch,
   * quota_exceeded.
   */
  updateContainer(containerId: string, change: ContainerChange, requestedBy: string): Promise<Granted>;
  /**
   * Has the install script run once more on the volume of a stopped container. Refusals: not_found, migration_in_progress,
   * being_removed, suspended, not_stopped, no_install_script, no_target (it is on no node).
   */
  reinstall(containerId: string, requestedBy: string): Promise<void>;
  /** Refusals: not_found, migration_in_progress, not_running, being_removed. */
  restart(containerId: string, requestedBy: string): Promise<void>;
  /**
   * Begins a migration, or queues it. Refusals: not_found, unknown_node, not_ha, migration_in_progress, not_running, same_node,
   * data_stays_behind, no_target.
   */
  migrate(
    containerId: string,
    targetNodeId: string | null,
    requestedBy: string,
    options?: MigrationOptions,
  ): Promise<{ migrationId: string }>;
  /** What `migrate` would do now; changes nothing. Refusals: those of migrate, but for no_target: then there is no target. */
  previewMigration(
    containerId: string,
    targetNodeId: string | null,
    options?: MigrationOptions,
  ): Promise<MigrationPreview>;
  /**
   * Takes a migration back, which goes on until everything is as it was; asking twice is granted. Refusals: not_found,
   * not_cancellable (it has ended, or the container is committed to its target).
   */
  cancelMigration(migrationId: string, containerId: string, requestedBy: string): Promise<void>;
  /**
   * Stores a node that enrolled, in the cluster of its token. One that is stored already, under this id and name, only has its
   * certificate noted; one that was let in keeps the name that it has by now, whatever it asks for. Refusals:
   * name_taken, invalid_argument (token used or expired), busy (the same call is under way).
   */
  enrolNode(node: EnrolledNode): Promise<EnrolmentOutcome>;
  /**
   * How a node stands whose token demands approval; the first time that it asks it is stored, waits for at most APPROVAL_WAIT_MS and
   * has used its token. Refusals: name_taken, busy (as many wait as may, or the same call is under way).
   */
  awaitApproval(node: ClaimingNode): Promise<EnrolmentWait>;
}

export type MigrationOptions = {
  /** It begins at once, past the limits of migrations at once. */
  readonly force?: boolean;
};

export type EnrolledNode = {
  readonly nodeId: string;
  readonly name: string;
  readonly agentVersion: string;
  /** SHA-256 of the join token's secret, hex; consumed in the same transaction. */
  readonly tokenHash: string;
  readonly certificateSerial: string;
  /** Its token demands approval: it is enrolled only once it has been let in. */
  readonly needsApproval?: boolean;
};

/** A node that claims a token that demands approval. */
export type ClaimingNode = Omit<EnrolledNode, "certificateSerial" | "needsApproval"> & {
  /** As domain/node/node-approval.ts has it. */
  readonly keyFingerprint: string;
  /** Where it dials from. */
  readonly address: string;
};

/** Where a node belongs, and what it is called there, which an operator may have changed since it asked. */
export type EnrolmentOutcome = { readonly clusterName: string; readonly nodeName: string };

/** "gone": it was turned away, or its token was another's. */
export type EnrolmentWait =
  | { readonly kind: "approved" | "gone" }
  | { readonly kind: "waiting"; readonly untilMs: number };

/** What is known of a node's liveness in memory, fresher than any row. */
export type LiveNode = {
  readonly nodeId: string;
  readonly lastHeartbeatWallMs: number | null;
  readonly usage: Resources;
};

/** How this coordinator stands. */
export interface CoordinatorStatus {
  leading(): { leader: boolean; term: number };
  databaseReady(): boolean;
  /** A node that is watched; undefined for one that is not, and everywhere but at the leader. */
  liveNode(nodeId: string): LiveNode | undefined;
  /**
   * How a cluster's voting group stands, in `fleet` where that is given, which only a decision has; null before its first epoch, or where
   * this coordinator does not lead.
   */
  groupOf(clusterId: string, fleet?: FleetView): GroupReading | null;
  /** Sequence number of the newest committed event. */
  newestSequence(): bigint;
  /** Calls back after every commit that added events, with the newest sequence; returns the way to stop that. */
  onCommitted(callback: (newestSequence: bigint) => void): () => void;
}
