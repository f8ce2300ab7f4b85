import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { MembershipHistory } from "@lormas/lease/membership.ts";
import type { AlertRecord } from "../domain/alert/alert.ts";
import type { ContainerSnapshot } from "../domain/container/container-machine.ts";
import type { DutySnapshot } from "../domain/maintenance/duty-machine.ts";
import type { MigrationLimits } from "../domain/migration/migration-limits.ts";
import type { NodeApproval } from "../domain/node/node-approval.ts";
import type { NodeLabels } from "../domain/node/node-labels.ts";
import type { NodeSnapshot } from "../domain/node/node-machine.ts";
import type { NPlusOnePolicy } from "../domain/placement/n-plus-one.ts";
import type { PlacementStrategy } from "../domain/placement/placement-strategy.ts";
import type { PlacementTrial } from "../domain/placement/placement-trial.ts";
import type { Resources } from "../domain/resources.ts";
import type { MaybeSealed, WrappedKey } from "../domain/sealed-text.ts";
import type { PortAssignment, WorkloadSpec } from "../domain/workload.ts";
import type { OutboundCommand } from "./agent-link.ts";
import type { ImagePin } from "./image-pin.ts";

// Everything here is immutable: a decision replaces records, it never writes into them, so that dropping a unit of work
// undoes it.

export type ClusterRecord = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** As it is set; the group's present epoch says what of it holds. */
  readonly policy: LeasePolicy;
  readonly autoMigrate: boolean;
  readonly allowOtherClusters: boolean;
  readonly nPlusOne: NPlusOnePolicy;
  readonly placement: PlacementStrategy;
  /** Every start asks what images' names stand for now; absent: a container's image is pinned. */
  readonly floatingImages?: boolean;
  readonly createdAtMs: number;
  readonly limits: MigrationLimits;
};

export type NodeFacts = {
  readonly id: string;
  readonly name: string;
  readonly clusterId: string;
  /** For placement, see domain/node/node-priority.ts. */
  readonly priority: number;
  readonly schedulable: boolean;
  /** What operators say of it, see domain/node/node-labels.ts. */
  readonly labels: NodeLabels;
  /** Since when its certificate is refused; null: it is not. */
  readonly revokedAtMs: number | null;
  /** It has no certificate yet and waits to be let in; absent or null: it is in. */
  readonly approval?: NodeApproval | null;
  readonly guarded: boolean;
  /** Its container engine answers, as its last heartbeat said; taken for granted until one has. Not stored. */
  readonly runtimeReady: boolean;
  /** Its clock runs within what the arithmetic of leases allows, as the leader last measured it. */
  readonly clockSound: boolean;
  readonly address: string;
  /** "host:port" at which its peers reach it; empty where it has none. */
  readonly peerAddress: string;
  readonly runtime: string;
  readonly architecture: string;
  readonly platform: string;
  readonly agentVersion: string;
  readonly portPoolMin: number;
  readonly portPoolMax: number;
  readonly capacity: Resources;
  readonly certificateSerial: string;
  readonly enrolledAtMs: number;
};

export type NodeRecord = {
  readonly facts: NodeFacts;
  readonly snapshot: NodeSnapshot;
  /** What operators have decided about it. */
  readonly duty: DutySnapshot;
  /** The id of the request behind its duty, which moves that it sends follow from; empty: of before it was kept, or none. */
  readonly dutyRequestId: string;
};

export type ContainerFacts = {
  readonly id: string;
  readonly name: string;
  readonly eggId: string;
  readonly environment: Readonly<Record<string, MaybeSealed>>;
  /** Opens what of it is sealed, and never changes once there is one; null: nothing is. */
  readonly secretKey: WrappedKey | null;
  readonly spec: WorkloadSpec;
  /** What its image stands for; absent or null: nobody has told yet. */
  readonly imagePin?: ImagePin | null;
  /** The id of the person whose it is; empty: nobody's, it was made by the administrator of the machine or before there were owners. */
  readonly owner: string;
  readonly createdAtMs: number;
};

export type ContainerRecord = {
  readonly facts: ContainerFacts;
  readonly snapshot: ContainerSnapshot;
  /** The id of the request or decision behind what it is at work for, or was last (request-behind.ts); empty: of before it was kept. */
  readonly requestId: string;
};

/** What containers hold on one node. */
export type NodeRoom = {
  readonly holders: ReadonlyMap<string, Holding>;
  readonly allocated: Resources;
  /** Keys of placement/choose-node.ts `portKey`, to the container that holds the port. */
  readonly ports: ReadonlyMap<string, string>;
};

export type Holding = { readonly resources: Resources; readonly ports: readonly PortAssignment[] };

/** A committed command whose result is not stored yet. */
export type PendingCommand = {
  readonly position: number;
  readonly nodeId: string;
  /** The number by which the container's actor knows it; 0 for a command that no actor waits for. */
  readonly ordinal: number;
  readonly command: OutboundCommand;
};

/** The fleet as decisions see it: committed state, or a unit of work over it. */
export interface FleetView {
  cluster(id: string): ClusterRecord | undefined;
  clusters(): Iterable<ClusterRecord>;
  /** The epochs of a cluster's voting group that somebody may believe in; null before the first. */
  membership(clusterId: string): MembershipHistory | null;
  /** The highest epoch number that any group of the fleet was ever given. */
  newestEpoch(): number;
  node(id: string): NodeRecord | undefined;
  container(id: string): ContainerRecord | undefined;
  containerByName(name: string): ContainerRecord | undefined;
  room(nodeId: string): NodeRoom;
  pending(commandId: string): PendingCommand | undefined;
  pendingOf(nodeId: string): PendingCommand[];
  nodes(): Iterable<NodeRecord>;
  containers(): Iterable<ContainerRecord>;
  /** Nodes that are cordoned, being emptied, in maintenance, or getting back what was moved away. */
  onDuty(): string[];
  /** Containers that wait for room: unplaced or stranded. */
  unplaced(): string[];
  /** The number of the newest event, those of this decision included. */
  eventsSoFar(): number;
  /** The unresolved alert under a key of domain/alert `alertKey`. */
  unresolvedAlert(key: string): AlertRecord | undefined;
  /** All of them: at most one for a kind and a thing. */
  unresolvedAlerts(): Iterable<AlertRecord>;
  /** Containers with a migration under way, queued ones included. */
  moving(): string[];
  /** The nodes as placement sees them now for a container that is not there; for use before anything else is committed. */
  trial(): PlacementTrial;
}
