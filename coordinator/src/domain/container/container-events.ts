import type { DesiredState, MigrationTrigger, MoveError } from "./container-context.ts";

/** What a container's actor hears. `at` is the wall clock, ms, when the event was taken up. */
export type ContainerEvent = { readonly at: number } & (
  | { readonly type: "CREATED" }
  | { readonly type: "WANT"; readonly desired: DesiredState }
  | { readonly type: "RESTART" }
  | { readonly type: "MIGRATE"; readonly trigger: MigrationTrigger; readonly targetNodeId: string | null }
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
      readonly downSince: number | null;
      readonly sourceDead: boolean;
    }
  | { readonly type: "MOVE_COMPLETED" }
  | { readonly type: "MOVE_BACK_AT_SOURCE" }
  | { readonly type: "MOVE_CRASHED_AT_SOURCE" }
  | { readonly type: "MOVE_NOWHERE"; readonly error: MoveError }
  | { readonly type: "MOVE_DATA_ON_DEAD_NODE"; readonly error: MoveError }
);

export type PlacementPurpose = "life" | "move";
export type ObservedState = "created" | "starting" | "running" | "unhealthy" | "exited" | "absent";
