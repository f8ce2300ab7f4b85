import {
  type Alert,
  AlertSeverity,
  AlertState,
  ContainerStatus,
  ContainerType,
  DutyState,
  MigrationOutcome,
  MigrationStatus,
  MigrationTrigger,
  type Node,
  NodeStatus,
  VoterState,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";

/** The shape that goes with a word; colour only repeats what both say. */
export type Tone = "ok" | "busy" | "warn" | "bad" | "off" | "unknown";

/** How a status is shown. */
export type Look = { readonly tone: Tone; readonly word: string };

const nodeLooks: Record<NodeStatus, Look> = {
  [NodeStatus.UNSPECIFIED]: { tone: "unknown", word: "unknown" },
  [NodeStatus.PENDING]: { tone: "off", word: "never seen" },
  [NodeStatus.HEALTHY]: { tone: "ok", word: "healthy" },
  [NodeStatus.UNHEALTHY]: { tone: "warn", word: "unhealthy" },
  [NodeStatus.DEAD]: { tone: "bad", word: "dead" },
  [NodeStatus.REJOINING]: { tone: "busy", word: "rejoining" },
};

const voterLooks: Record<VoterState, Look> = {
  [VoterState.UNSPECIFIED]: { tone: "unknown", word: "unknown" },
  [VoterState.HOLDS_LEASE]: { tone: "ok", word: "holds a lease" },
  [VoterState.NOT_CONFIRMED]: { tone: "busy", word: "not confirmed" },
  [VoterState.SILENT]: { tone: "warn", word: "silent" },
  [VoterState.DEAD]: { tone: "bad", word: "dead" },
};

const containerLooks: Record<ContainerStatus, Look> = {
  [ContainerStatus.UNSPECIFIED]: { tone: "unknown", word: "unknown" },
  [ContainerStatus.UNPLACED]: { tone: "warn", word: "waiting for a node" },
  [ContainerStatus.STARTING]: { tone: "busy", word: "starting" },
  [ContainerStatus.RUNNING]: { tone: "ok", word: "running" },
  [ContainerStatus.STOPPING]: { tone: "busy", word: "stopping" },
  [ContainerStatus.STOPPED]: { tone: "off", word: "stopped" },
  [ContainerStatus.CRASHED]: { tone: "warn", word: "crashed" },
  [ContainerStatus.UNKNOWN]: { tone: "unknown", word: "unknown" },
  [ContainerStatus.MIGRATING]: { tone: "busy", word: "migrating" },
  [ContainerStatus.FAILED]: { tone: "bad", word: "failed" },
  [ContainerStatus.REMOVING]: { tone: "busy", word: "removing" },
};

const migrationLooks: Record<MigrationOutcome, Look> = {
  [MigrationOutcome.UNSPECIFIED]: { tone: "unknown", word: "unknown" },
  [MigrationOutcome.RUNNING]: { tone: "busy", word: "migrating" },
  [MigrationOutcome.COMPLETED]: { tone: "ok", word: "completed" },
  [MigrationOutcome.FAILED]: { tone: "bad", word: "failed" },
  [MigrationOutcome.CANCELLED]: { tone: "off", word: "cancelled" },
};

const haLooks: Record<MigrationStatus, Look> = {
  [MigrationStatus.UNSPECIFIED]: { tone: "off", word: "not moved" },
  [MigrationStatus.IDLE]: { tone: "off", word: "HA ready" },
  [MigrationStatus.MIGRATING]: { tone: "busy", word: "migrating" },
  [MigrationStatus.COMPLETED]: { tone: "ok", word: "completed" },
  [MigrationStatus.FAILED]: { tone: "bad", word: "failed" },
};

const dutyLooks: Record<DutyState, Look> = {
  [DutyState.UNSPECIFIED]: { tone: "unknown", word: "unknown" },
  [DutyState.IN_SERVICE]: { tone: "ok", word: "in service" },
  [DutyState.CORDONED]: { tone: "off", word: "cordoned" },
  [DutyState.DRAINING]: { tone: "busy", word: "draining" },
  [DutyState.DRAINED]: { tone: "off", word: "drained" },
  [DutyState.MAINTENANCE]: { tone: "off", word: "in maintenance" },
  [DutyState.RETURNING]: { tone: "busy", word: "returning" },
};

const triggers: Record<MigrationTrigger, string> = {
  [MigrationTrigger.UNSPECIFIED]: "unknown",
  [MigrationTrigger.AUTO]: "automatic",
  [MigrationTrigger.MANUAL]: "by hand",
  [MigrationTrigger.DRAIN]: "drain",
  [MigrationTrigger.FAILBACK]: "failback",
};

const newer: Look = { tone: "unknown", word: "unknown" };

/** A node's status. A value that a newer coordinator invented is "unknown". */
export const voterLook = (state: VoterState): Look => voterLooks[state] ?? newer;
export const nodeLook = (status: NodeStatus): Look => nodeLooks[status] ?? newer;
/** The same, or that it is no part of the fleet before somebody has let it in. */
export const joinedLook = ({ status, approval }: Pick<Node, "status" | "approval">): Look =>
  approval === undefined ? nodeLook(status) : { tone: "warn", word: "awaits approval" };
/** What operators have decided about a node. */
export const dutyLook = (state: DutyState): Look => dutyLooks[state] ?? newer;
/** How bad an alert is, and whether somebody has taken it on. */
export const alertLook = ({ severity, state }: Alert): Look => {
  if (state === AlertState.RESOLVED) return { tone: "ok", word: "resolved" };
  const word = severity === AlertSeverity.ERROR ? "error" : "warning";
  if (state === AlertState.ACKNOWLEDGED) return { tone: "off", word: `${word}, taken on` };
  return { tone: severity === AlertSeverity.ERROR ? "bad" : "warn", word };
};
/** How a container stands in a drain. */
export const drainLook = (state: string): Look =>
  state === "blocked"
    ? { tone: "warn", word: "blocked" }
    : state === "moving"
      ? { tone: "busy", word: "moving" }
      : { tone: "off", word: state };
/** A container's status. */
export const containerLook = (status: ContainerStatus): Look => containerLooks[status] ?? newer;
/** A migration's outcome. */
export const migrationLook = (outcome: MigrationOutcome): Look => migrationLooks[outcome] ?? newer;
/** Where a container stands with respect to moving. */
export const haLook = (status: MigrationStatus): Look => haLooks[status] ?? newer;
/** What caused a migration. */
export const triggerWord = (trigger: MigrationTrigger): string => triggers[trigger] ?? "unknown";
/** Whether a container is ever moved. */
export const typeWord = (type: ContainerType): string => (type === ContainerType.HA ? "HA" : "standard");
/** An event's severity. */
export const severityLook = (severity: string): Look =>
  severity === "error"
    ? { tone: "bad", word: "error" }
    : severity === "warning"
      ? { tone: "warn", word: "warning" }
      : { tone: "off", word: "info" };
/** A statechart's state as words: "stopping_source" is "stopping source". */
export const stateWord = (state: string): string => state.replaceAll("_", " ");
