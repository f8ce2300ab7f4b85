import type { MembershipHistory } from "@lormas/lease/membership.ts";
import type { AlertRecord, AlertTransition } from "../domain/alert/alert.ts";
import type { LeadershipRecord } from "../domain/leadership/leader-lease.ts";
import type { PlacementDecision } from "../domain/placement/placement-decision.ts";
import type { Resources } from "../domain/resources.ts";
import type { ClusterRecord, ContainerRecord, NodeRecord, NodeRoom, PendingCommand } from "./fleet-view.ts";

/** Everything that one transaction writes. */
/** A join token that a node has claimed. */
export type UsedToken = {
  readonly tokenHash: string;
  readonly nodeId: string;
  /** Until when that node may ask again with it, wall clock ms; absent: as it was made. */
  readonly livesUntilMs?: number;
};

export type DecisionChanges = {
  readonly clusters: readonly ClusterRecord[];
  readonly removedClusters: readonly string[];
  /** Voting groups whose epochs changed, with all that are kept from now on. */
  readonly memberships: readonly { clusterId: string; history: MembershipHistory }[];
  readonly nodes: readonly NodeRecord[];
  /** Nodes that are no part of the fleet any more. */
  readonly removedNodes: readonly { readonly id: string; readonly name: string }[];
  readonly containers: readonly ContainerRecord[];
  /** Containers whose last trace goes: row, snapshot, reservations. */
  readonly forgotten: readonly string[];
  /** What these containers hold from now on, on which nodes; replaces what they held. */
  readonly holdings: readonly { containerId: string; rooms: readonly { nodeId: string; room: NodeRoom }[] }[];
  readonly migrations: readonly MigrationChange[];
  readonly jobs: readonly JobChange[];
  readonly events: readonly NumberedEvent[];
  readonly commands: readonly PendingCommand[];
  readonly endedCommands: readonly EndedCommand[];
  readonly usedTokens: readonly UsedToken[];
  /** Alerts that were opened, said again, acknowledged or resolved, as they are now. */
  readonly alerts: readonly AlertRecord[];
  /** What receivers outside are to be told of, in order. */
  readonly alertNotices: readonly AlertNotice[];
  /** Sequence number of the newest event, of this transaction or before. */
  readonly newestSequence: number;
  readonly atMs: number;
};

/** A transition of an alert, with the alert as it was right after it. */
export type AlertNotice = {
  readonly id: string;
  readonly transition: AlertTransition;
  readonly alert: AlertRecord;
  readonly atMs: number;
};

export type NumberedEvent = {
  readonly sequence: number;
  readonly atMs: number;
  readonly type: string;
  readonly severity: "info" | "warning" | "error";
  readonly message: string;
  readonly nodeId: string | null;
  readonly containerId: string | null;
  readonly migrationId: string | null;
  /** Where it happened: the clusters of its node, and those that its container is in, was in before and prefers. */
  readonly clusterIds: readonly string[];
  /** Of the request, or the decision without one, that it follows from. */
  readonly requestId: string;
  readonly data: Readonly<Record<string, unknown>>;
};

export type MigrationChange =
  | {
      readonly kind: "begun";
      readonly id: string;
      readonly containerId: string;
      readonly containerName: string;
      readonly sourceNodeId: string;
      readonly trigger: string;
      /** Of the request, or the decision without one, that began it. */
      readonly requestId: string;
    }
  | { readonly kind: "step"; readonly id: string; readonly name: string; readonly detail: string }
  | {
      readonly kind: "decided";
      readonly id: string;
      readonly targetNodeId: string | null;
      readonly decision: PlacementDecision;
    }
  | {
      readonly kind: "ended";
      readonly id: string;
      readonly outcome: string;
      readonly downtimeMs: number | null;
      readonly errorCode: string;
      readonly errorMessage: string;
    };

/** What a container had come to when an operation had succeeded. */
export type JobResult = {
  /** The state of its life, in the statechart's words. */
  readonly reached: string;
  readonly nodeId: string | null;
  readonly epoch: number | null;
};

export type JobChange =
  | {
      readonly kind: "begun";
      readonly id: string;
      readonly containerId: string;
      readonly containerName: string;
      readonly job: string;
      readonly requestedBy: string;
      /** Of the request that asked for it. */
      readonly requestId: string;
      /** The migration that it begins or takes back; null: none. */
      readonly migrationId: string | null;
      /** What it came to, where it ends with the transaction that it begins with; null: it is under way. */
      readonly done: JobResult | null;
      /** Its log begins behind the event of this number; its end is the newest of the decision that it ends with. */
      readonly eventsAfter: number;
      /** Null while it is under way. */
      readonly eventsThrough: number | null;
    }
  | {
      readonly kind: "ended";
      readonly containerId: string;
      readonly jobs: readonly string[];
      /** Why it failed; empty: it succeeded. */
      readonly error: string;
      /** Null where it failed. */
      readonly result: JobResult | null;
      readonly eventsThrough: number;
    };

export type EndedCommand = {
  readonly commandId: string;
  readonly state: "done" | "void";
  readonly ok: boolean | null;
  readonly errorCode: string;
  readonly errorMessage: string;
};

/** The committed fleet as read at the beginning of a term. */
export type LoadedFleet = {
  readonly clusters: readonly ClusterRecord[];
  readonly memberships: ReadonlyMap<string, MembershipHistory>;
  /** The highest epoch number ever given to a voting group. */
  readonly newestEpoch: number;
  /** The epoch that a node is known to have confirmed, or an earlier one; a node that is missing may believe in any. */
  readonly confirmedEpochs: ReadonlyMap<string, number>;
  readonly nodes: readonly NodeRecord[];
  readonly containers: readonly ContainerRecord[];
  readonly rooms: ReadonlyMap<string, NodeRoom>;
  readonly pending: readonly PendingCommand[];
  readonly unresolvedAlerts: readonly AlertRecord[];
  readonly newestSequence: number;
  readonly newestPosition: number;
};

export type HealthSample = {
  readonly nodeId: string;
  readonly status: string;
  readonly lastHeartbeatAtMs: number | null;
  readonly usage: Resources;
  /** The membership epoch that it confirmed; null: not known. Stored late, which errs to the safe side. */
  readonly confirmedEpoch: number | null;
};

/** Another coordinator leads, or the term has moved on: nothing was written. */
export class StaleTermError extends Error {
  readonly term: number;
  constructor(term: number) {
    super(`term ${term} is over: another coordinator leads`);
    this.name = "StaleTermError";
    this.term = term;
  }
}

/** The stored fleet cannot be taken up by this version. Trying again changes nothing; the message says what does. */
export class UnreadableFleetError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UnreadableFleetError";
  }
}

/** The database refused what was to be written, definitely: nothing of the transaction was stored. A bug, or bad data. */
export class UnstorableChangesError extends Error {
  constructor(cause: unknown) {
    super(`the database refuses a decision: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "UnstorableChangesError";
  }
}

/**
 * Where decisions are kept. PostgreSQL is its only implementation and its own fake.
 *
 * What must be durable before anything leaves this process: all of `commit`. A commit that fails with StaleTermError or
 * UnstorableChangesError has written nothing; with any other error its outcome is unknown, and the caller reads everything back before it goes on.
 */
export interface DecisionStore {
  /** Writes all changes in one transaction that holds the leadership row of this term. */
  commit(term: number, changes: DecisionChanges): Promise<void>;
  /** Throws UnreadableFleetError when the fleet was written by another version. */
  load(): Promise<LoadedFleet>;
  readLeadership(): Promise<LeadershipRecord | null>;
  /** Makes this instance the holder of the next term, if the row still is what was seen; null when it is not. */
  takeLeadership(seen: LeadershipRecord | null, instance: string, ttlMs: number): Promise<LeadershipRecord | null>;
  /** False when the term is over. */
  renewLeadership(instance: string, term: number): Promise<boolean>;
  /** Gives leadership up at once, so that a successor need not wait. */
  releaseLeadership(instance: string, term: number): Promise<void>;
  /**
   * What people see of the nodes, one sample a node, taken as they are stored; rejects with StaleTermError as commit does,
   * having stored a part at most.
   */
  flushHealth(term: number, samples: Iterable<HealthSample>, atMs: number): Promise<void>;
  /** A usable join token's cluster; null when unknown, used or expired. */
  tokenCluster(tokenHash: string, nowMs: number): Promise<string | null>;
}
