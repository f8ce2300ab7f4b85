import type { AlertKind, AlertRaise } from "../alert/alert.ts";
import type { CommandKind, MigrationTrigger } from "./container-context.ts";
import type { PlacementPurpose } from "./container-events.ts";

/**
 * What a container's actor wants done, as data. The runtime carries `place` and `release` out within the deciding
 * transaction, writes the others as rows of it, and sends commands only after the commit.
 */
export type ContainerEffect =
  | {
      readonly kind: "command";
      readonly ordinal: number;
      readonly command: CommandKind;
      readonly nodeId: string;
      readonly epoch: number;
      readonly timeoutMs: number;
      readonly graceMs?: number;
      readonly removeVolumes?: boolean;
    }
  | {
      readonly kind: "place";
      readonly purpose: PlacementPurpose;
      readonly requestedNodeId: string | null;
      readonly excludedNodeIds: readonly string[];
      /** Nodes that take as many migrations as they may; none when absent. */
      readonly busyNodeIds?: readonly string[];
      /** Pool ports not to choose, as "<node id> tcp/20000". */
      readonly avoidPorts: readonly string[];
      /** The only node that has the container's data; null when any will do. */
      readonly pinnedNodeId: string | null;
      /** The node it ran on, whose cluster counts as its own. */
      readonly homeNodeId: string | null;
    }
  | { readonly kind: "release"; readonly nodeId: string }
  /** Tell it MOVE_AWAY if another node could take it now. */
  | { readonly kind: "moveIfFits" }
  | {
      readonly kind: "event";
      readonly type: string;
      readonly severity: "info" | "warning" | "error";
      readonly message: string;
      readonly nodeId?: string | null;
      readonly data?: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: "migrationBegun";
      readonly ordinal: number;
      readonly trigger: MigrationTrigger;
      readonly sourceNodeId: string;
    }
  | { readonly kind: "migrationStep"; readonly ordinal: number; readonly name: string; readonly detail: string }
  | {
      readonly kind: "migrationEnded";
      readonly ordinal: number;
      readonly outcome: "completed" | "failed" | "cancelled";
      readonly downtimeMs: number | null;
      readonly errorCode: string;
      readonly errorMessage: string;
    }
  | { readonly kind: "jobsEnded"; readonly jobs: readonly string[]; readonly error: string }
  /** Something is wrong with this container from now on. */
  | { readonly kind: "alert"; readonly alert: Omit<AlertRaise, "subject"> }
  /** These are wrong no more. */
  | { readonly kind: "alertOver"; readonly alerts: readonly AlertKind[] }
  | { readonly kind: "forget" };
