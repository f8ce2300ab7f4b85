import type { MigrationTrigger, RestartPriority } from "../domain/container/container-context.ts";
import type { Resources } from "../domain/resources.ts";
import type { WorkloadSpec } from "../domain/workload.ts";
import type { GroupReading } from "./cluster-wishes.ts";
import type { Granted } from "./operator-wishes.ts";

/** A container as its creator wants it; everything validated and resolved from its egg already. */
export type NewContainer = {
  readonly name: string;
  readonly eggId: string;
  readonly ha: boolean;
  readonly preferredClusterId: string | null;
  readonly resources: Resources;
  /** As the user set it; the resolved environment is in spec.env. */
  readonly environment: Readonly<Record<string, string>>;
  readonly spec: WorkloadSpec;
  readonly desired: "running" | "stopped";
  readonly allowDataLoss: boolean;
  /** Who goes first where not everybody can; "normal" unless it says otherwise. */
  readonly priority?: RestartPriority;
  /** Failures in a row on one node after which an HA container moves; 0: never. */
  readonly crashesBeforeMove?: number;
};

/**
 * What people may wish for. Each method resolves once the wish is committed, so that nothing acknowledged is ever lost;
 * it rejects with a Refusal before anything has changed. requestedBy is recorded with the job.
 */
export interface Operations {
  /** Refusals: name_taken, port_taken (a fixed host port that every eligible node has given away), n_plus_one_lost. */
  createContainer(wish: NewContainer, requestedBy: string): Promise<{ containerId: string } & Granted>;
  /** Refusals: not_found, migration_in_progress, being_removed, n_plus_one_lost (running). Wishing what is already wished is granted. */
  setDesired(containerId: string, desired: "running" | "stopped" | "removed", requestedBy: string): Promise<Granted>;
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
    trigger?: Exclude<MigrationTrigger, "auto">,
  ): Promise<{ migrationId: string }>;
  /**
   * Takes a migration back, which goes on until everything is as it was; asking twice is granted. Refusals: not_found,
   * not_cancellable (it has ended, or the container is committed to its target).
   */
  cancelMigration(migrationId: string, containerId: string, requestedBy: string): Promise<void>;
  /**
   * Stores a node that enrolled, in the cluster of its token. One that is stored already, under this id and name, only has its
   * certificate noted. Refusals: name_taken, invalid_argument (token used or expired), busy (the same call is under way).
   */
  enrolNode(node: EnrolledNode): Promise<{ clusterName: string }>;
}

export type EnrolledNode = {
  readonly nodeId: string;
  readonly name: string;
  readonly agentVersion: string;
  /** SHA-256 of the join token's secret, hex; consumed in the same transaction. */
  readonly tokenHash: string;
  readonly certificateSerial: string;
};

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
  liveNodes(): LiveNode[];
  /** How a cluster's voting group stands; null before its first epoch, or where this coordinator does not lead. */
  groupOf(clusterId: string): GroupReading | null;
  /** Sequence number of the newest committed event. */
  newestSequence(): bigint;
  /** Calls back after every commit that added events, with the newest sequence; returns the way to stop that. */
  onCommitted(callback: (newestSequence: bigint) => void): () => void;
}
