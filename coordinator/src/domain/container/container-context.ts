import { NO_DEMANDS, type NodeDemands } from "../placement/node-demands.ts";
import type { Resources } from "../resources.ts";
import type { PortDemand } from "../workload.ts";

export type DesiredState = "running" | "stopped" | "removed";

/** Where a container is, or was when its node was last heard. */
export type Placement = {
  readonly nodeId: string;
  /** The epoch of the newest copy that was commanded there. */
  readonly epoch: number;
  /** True from the death of the node's session until the node is back. */
  readonly nodeDead: boolean;
  /** True while heartbeats of the node are missing. */
  readonly nodeSilent: boolean;
};

/** A command whose result a region waits for; the runtime derives its id from the container and the ordinal. */
export type AwaitedCommand = { readonly ordinal: number; readonly kind: CommandKind; readonly nodeId: string };
export type CommandKind = "prepare" | "start" | "stop" | "remove" | "install";

/** A moment (wall clock, ms) at which a region wants to be woken; kept absolute so that it survives a restart. */
export type Deadline = {
  readonly name: string;
  readonly at: number;
  /**
   * How long the wait was when it began, ms: a coordinator whose wall clock is behind the one that began it waits no longer.
   * Absent in snapshots of before it was kept.
   */
  readonly lastsMs?: number;
};

/** A wait that begins now. */
export function deadlineAfter(name: string, nowMs: number, lastsMs: number): Deadline {
  return { name, at: nowMs + lastsMs, lastsMs };
}

export type MigrationTrigger = "auto" | "manual" | "drain" | "failback";

/** Who goes first where not everybody can: for room on nodes, and in the queue of migrations. */
export type RestartPriority = "low" | "normal" | "high" | "critical";

/** The migration under way. */
export type Move = {
  /** Counts the migrations of this container; the runtime derives the migration's id from it. */
  readonly ordinal: number;
  readonly trigger: MigrationTrigger;
  /** The policy of its cluster: without a source that can run it, it is moved again without anybody's wish. */
  readonly automatic: boolean;
  readonly sourceNodeId: string;
  readonly sourceEpoch: number;
  /** The source's session is over: nothing of it runs any more. */
  readonly sourceDead: boolean;
  readonly sourceSilent: boolean;
  /** The source has confirmed that its copy is stopped and closed. */
  readonly sourceStopped: boolean;
  /** A person's choice; null lets placement choose. */
  readonly requestedNodeId: string | null;
  readonly targetNodeId: string | null;
  readonly targetEpoch: number | null;
  /** Host ports that placement chose freely on the target, as keys "tcp/20000". */
  readonly poolPorts: readonly string[];
  readonly targetDead: boolean;
  /** The target has answered its health check. */
  readonly verified: boolean;
  readonly startedAt: number;
  /** Since when the container is not known to serve; null while it does. */
  readonly downSince: number | null;
  /** How long it did not serve; null until the target serves. */
  readonly downtimeMs: number | null;
  /** Targets that failed in this migration and are not tried again. */
  readonly excludedNodeIds: readonly string[];
  readonly attempts: number;
  readonly error: MoveError | null;
  /** What it waits for in the queue; empty when it does not. */
  readonly heldFor: string;
  /** Removals at the target that were asked for and not confirmed, while it is rolled back. */
  readonly closings: number;
  /** It does not wait for the limits of the queue. */
  readonly forced?: boolean;
  /** Somebody asked for its end; `sourceDead` as it was then. */
  readonly cancelled: { readonly by: string; readonly sourceDead: boolean } | null;
};

export type MoveError = { readonly code: string; readonly message: string };

/** Somebody who runs the fleet has stopped it: nobody starts it until that is lifted. */
export type ContainerSuspension = { readonly by: string; readonly reason: string; readonly at: number };

/** What a container without a node that can run it waits for, beside room and its node. */
export type MoveRetry = {
  /** Automatic migrations that failed in a row. */
  readonly failures: number;
  /** Nodes that failed in the last one: room there is no reason to try again before the time. */
  readonly avoidNodeIds: readonly string[];
  readonly downSince: number;
};

/** What one container's actor knows. Plain data: it is the persisted snapshot. */
export type ContainerContext = {
  readonly id: string;
  readonly name: string;
  readonly ha: boolean;
  readonly resources: Resources;
  readonly ports: readonly PortDemand[];
  readonly runtimes: readonly string[];
  /** Its process has a terminal, for which `runtimes` leaves out those that have none; absent in snapshots of before. */
  readonly terminal?: boolean;
  readonly preferredClusterId: string | null;
  /** What it asks of a node beside room; absent: nothing, as in snapshots of before it could ask. */
  readonly demands?: NodeDemands;
  /** Has a volume that stays on its node. */
  readonly localData: boolean;
  readonly allowDataLoss: boolean;
  readonly startBudgetMs: number;
  /** How long its install script may take, ms, where its volume wants it; absent: it has none, as all of before there were any. */
  readonly installBudgetMs?: number;
  readonly stopGraceMs: number;
  readonly priority: RestartPriority;
  /** Crashes in a row on one node after which it moves to another; 0: never. HA only. */
  readonly crashesBeforeMove: number;

  readonly desired: DesiredState;
  readonly placement: Placement | null;
  readonly lastEpoch: number;
  readonly lastOrdinal: number;
  readonly lastMove: number;
  /** Failed starts and crashes in a row. */
  readonly restarts: number;
  /** Those of them on the present node. */
  readonly crashesHere: number;
  readonly runningSince: number | null;
  readonly healthy: boolean;
  readonly restartAfterStop: boolean;
  /** The stop under way gives no grace: somebody wants it killed. Absent in snapshots of before it was kept. */
  readonly stopAtOnce?: boolean;
  /** Absent in snapshots of before there was such a thing. */
  readonly suspension?: ContainerSuspension | null;
  /** Host ports that placement chose freely on the present node, as keys "tcp/20000". */
  readonly poolPorts: readonly string[];
  /** Pool ports that turned out to be taken by something else, as "<node id> tcp/20000"; until it runs. */
  readonly avoidPorts: readonly string[];
  /** Nodes on which it could not be started; until it runs. */
  readonly avoidNodes: readonly string[];
  /** Why it is in its state, for people. */
  readonly reason: string;
  readonly awaited: AwaitedCommand | null;
  readonly deadline: Deadline | null;

  readonly move: Move | null;
  readonly moveAwaited: AwaitedCommand | null;
  readonly moveDeadline: Deadline | null;
  readonly retry: MoveRetry | null;
  readonly lastMigrationAt: number | null;
};

/** What a container is made with. */
export type ContainerInput = Pick<
  ContainerContext,
  | "id"
  | "name"
  | "ha"
  | "resources"
  | "ports"
  | "runtimes"
  | "terminal"
  | "preferredClusterId"
  | "demands"
  | "localData"
  | "allowDataLoss"
  | "startBudgetMs"
  | "installBudgetMs"
  | "stopGraceMs"
  | "desired"
  | "priority"
  | "crashesBeforeMove"
>;

/** What of a container may be changed at any time: no copy of it knows of it. */
export type ContainerTuning = Partial<
  Pick<
    ContainerContext,
    "preferredClusterId" | "demands" | "allowDataLoss" | "priority" | "crashesBeforeMove" | "suspension"
  >
>;

/** What may be changed only while no copy of it runs: the next one is made so. */
export type ContainerRemake = Partial<
  Pick<
    ContainerContext,
    | "ha"
    | "resources"
    | "ports"
    | "runtimes"
    | "terminal"
    | "localData"
    | "startBudgetMs"
    | "installBudgetMs"
    | "stopGraceMs"
  >
>;

/** What it asks of a node beside room. */
export const demandsOf = ({ demands }: Pick<ContainerContext, "demands">): NodeDemands => demands ?? NO_DEMANDS;

export function freshContainer(input: ContainerInput): ContainerContext {
  return {
    ...input,
    placement: null,
    lastEpoch: 0,
    lastOrdinal: 0,
    lastMove: 0,
    restarts: 0,
    crashesHere: 0,
    runningSince: null,
    healthy: true,
    restartAfterStop: false,
    poolPorts: [],
    avoidPorts: [],
    avoidNodes: [],
    reason: "",
    awaited: null,
    deadline: null,
    move: null,
    moveAwaited: null,
    moveDeadline: null,
    retry: null,
    lastMigrationAt: null,
  };
}
