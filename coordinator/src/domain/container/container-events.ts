import type {
  ContainerRemake,
  ContainerTuning,
  DesiredState,
  MigrationTrigger,
  MoveError,
} from "./container-context.ts";

/** What a container's actor hears. `at` is the wall clock, ms, when the event was taken up. */
export type ContainerEvent = { readonly at: number } & (
  | { readonly type: "CREATED" }
  | {
      readonly type: "WANT";
      readonly desired: DesiredState;
      /** Wanted stopped: killed, without the grace of a stop. */
      readonly atOnce?: boolean;
    }
  | { readonly type: "RESTART" }
  /** Its install script is to run once more. */
  | { readonly type: "REINSTALL" }
  | { readonly type: "TUNE"; readonly change: ContainerTuning }
  | { readonly type: "REMAKE"; readonly change: ContainerRemake }
  | {
      readonly type: "MIGRATE";
      readonly trigger: MigrationTrigger;
      readonly targetNodeId: string | null;
      /** It does not wait for the limits of the queue. */
      readonly forced?: boolean;
      /** The policy of its cluster: should it lose its source, it is moved again without a wish. */
      readonly autoMigrate: boolean;
    }
  /** Somebody wants the migration under way undone. */
  | { readonly type: "CANCEL"; readonly by: string }
  /** The queue lets the migration begin; the nodes named take as many as they may. */
  | { readonly type: "ADMITTED"; readonly busyNodeIds: readonly string[] }
  /** The queue does not let the migration begin yet. */
  | { readonly type: "HELD"; readonly reason: string }
  /** It crashes again and again, and another node could take it. */
  | { readonly type: "MOVE_AWAY" }
  | {
      readonly type: "PLACED";
      readonly purpose: PlacementPurpose;
      readonly nodeId: string;
      readonly nodeName: string;
      readonly summary: string;
      /** Host ports that were chosen freely, as keys "tcp/20000". */
      readonly poolPorts: readonly string[];
    }
  | { readonly type: "NO_PLACE"; readonly purpose: PlacementPurpose; readonly summary: string }
  | { readonly type: "COMMAND_OK"; readonly ordinal: number }
  | { readonly type: "COMMAND_FAILED"; readonly ordinal: number; readonly code: string; readonly message: string }
  | {
      readonly type: "OBSERVED";
      readonly nodeId: string;
      readonly epoch: number;
      readonly state: ObservedState;
      readonly detail: string;
    }
  | { readonly type: "NODE_SILENT"; readonly nodeId: string }
  | { readonly type: "NODE_HEARD"; readonly nodeId: string }
  | {
      readonly type: "NODE_DEAD";
      readonly nodeId: string;
      readonly nodeName: string;
      readonly lastHeartbeatAt: number;
      /** The cluster's policy: HA containers of a dead node move by themselves. */
      readonly autoMigrate: boolean;
    }
  | { readonly type: "NODE_BACK"; readonly nodeId: string }
  | { readonly type: "ROOM" }
  | { readonly type: "DEADLINE"; readonly name: string; readonly due: number }
  // Raised between the two regions, never sent from outside.
  | {
      readonly type: "MOVE_BEGIN";
      readonly trigger: MigrationTrigger;
      readonly targetNodeId: string | null;
      readonly forced?: boolean;
      readonly downSince: number | null;
      readonly sourceDead: boolean;
      readonly automatic: boolean;
      /** Why, for people: "its node is dead". */
      readonly cause: string;
      readonly excludedNodeIds: readonly string[];
    }
  | { readonly type: "MOVE_COMPLETED" }
  | { readonly type: "MOVE_BACK_AT_SOURCE" }
  | { readonly type: "MOVE_CRASHED_AT_SOURCE"; readonly error: MoveError }
  | {
      readonly type: "MOVE_NOWHERE";
      readonly error: MoveError;
      /** It is tried again without anybody's wish. */
      readonly again: boolean;
      readonly avoidNodeIds: readonly string[];
      readonly downSince: number;
    }
  | { readonly type: "MOVE_DATA_ON_DEAD_NODE"; readonly error: MoveError }
);

export type PlacementPurpose = "life" | "move";
export type ObservedState = "created" | "starting" | "running" | "unhealthy" | "exited" | "absent";

/**
 * Nothing runs where a copy of this epoch ran: it has ended, it is not there any more, or another was made in its place whose
 * start was cut short, as by an engine that ended meanwhile. Nobody is bound to start that one.
 */
export function isEnded(seen: { state: ObservedState; epoch: number }, epoch: number | null | undefined): boolean {
  return seen.state === "absent" || ((seen.state === "exited" || seen.state === "created") && seen.epoch === epoch);
}
