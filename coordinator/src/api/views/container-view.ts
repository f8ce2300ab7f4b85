import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ContainerSchema,
  ContainerStatus,
  ContainerType,
  DesiredState,
  MigrationStatus,
  RestartPriority,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { ContainerSuspension, RestartPriority as PriorityName } from "../../domain/container/container-context.ts";
import { NO_DEMANDS, readDemands, unmetDemand } from "../../domain/placement/node-demands.ts";
import { containerEtag } from "../../runtime/etag.ts";
import { pinNote, pinnedDigest } from "../../runtime/image-pin.ts";
import { maskedEnvironment } from "../../secrets/seal-workload.ts";
import type { ContainerReading } from "../../store/read-model/container-readings.ts";
import { momentField, resourcesView } from "./amounts.ts";
import { failoverBoundView } from "./failover-bound-view.ts";

const DESIRED: Readonly<Record<string, DesiredState>> = {
  running: DesiredState.RUNNING,
  stopped: DesiredState.STOPPED,
  removed: DesiredState.REMOVED,
};

const STATUS: Readonly<Record<string, ContainerStatus>> = {
  unplaced: ContainerStatus.UNPLACED,
  starting: ContainerStatus.STARTING,
  running: ContainerStatus.RUNNING,
  stopping: ContainerStatus.STOPPING,
  stopped: ContainerStatus.STOPPED,
  crashed: ContainerStatus.CRASHED,
  unknown: ContainerStatus.UNKNOWN,
  migrating: ContainerStatus.MIGRATING,
  failed: ContainerStatus.FAILED,
  removing: ContainerStatus.REMOVING,
};

const MIGRATION_STATUS: Readonly<Record<string, MigrationStatus>> = {
  idle: MigrationStatus.IDLE,
  migrating: MigrationStatus.MIGRATING,
  completed: MigrationStatus.COMPLETED,
  failed: MigrationStatus.FAILED,
};

const RESTART_PRIORITY: Readonly<Record<PriorityName, RestartPriority>> = {
  low: RestartPriority.LOW,
  normal: RestartPriority.NORMAL,
  high: RestartPriority.HIGH,
  critical: RestartPriority.CRITICAL,
};

/** A container as the API shows it. */
export function containerView(reading: ContainerReading): MessageInitShape<typeof ContainerSchema> {
  const { row, node } = reading;
  const moving = row.migrationStatus === "migrating";
  const pinned = { image: row.spec.image, pin: row.imagePin ?? null };
  return {
    id: row.id,
    name: row.name,
    eggId: row.eggId,
    type: row.ha ? ContainerType.HA : ContainerType.STANDARD,
    desiredState: DESIRED[row.desired] ?? DesiredState.UNSPECIFIED,
    status: moving ? ContainerStatus.MIGRATING : (STATUS[row.status] ?? ContainerStatus.UNSPECIFIED),
    statusReason: row.statusReason,
    nodeId: row.nodeId ?? "",
    nodeName: node?.name ?? "",
    clusterName: node?.clusterName ?? "",
    preferredClusterId: row.preferredClusterId ?? "",
    epoch: BigInt(row.epoch),
    endpoints: reading.ports.map((port) => ({
      name: port.name,
      address: node?.address ?? "",
      port: port.hostPort,
      protocol: port.protocol,
    })),
    resources: resourcesView(row),
    ...maskedEnvironment(row.environment),
    migrationStatus: row.ha
      ? (MIGRATION_STATUS[row.migrationStatus] ?? MigrationStatus.UNSPECIFIED)
      : MigrationStatus.UNSPECIFIED,
    migrationId: row.migrationId ?? "",
    ...momentField("lastMigrationAt", row.lastMigrationAt),
    restartCount: row.restartCount,
    ...momentField("createdAt", row.createdAt),
    ...boundFields(reading),
    restartPriority: RESTART_PRIORITY[row.restartPriority as PriorityName] ?? RestartPriority.UNSPECIFIED,
    crashesBeforeMove: row.ha ? row.crashesBeforeMove : 0,
    constraints: [...row.constraints],
    architectures: [...row.architectures],
    unmetDemand: unmetText(reading),
    ...suspensionField(row.suspension),
    image: row.spec.image,
    imageDigest: pinnedDigest(pinned),
    imageNote: pinNote(pinned, node?.floatingImages ?? false),
    tty: row.spec.tty ?? false,
    asOf: reading.asOf,
    etag: containerEtag({ ...row, image: row.spec.image, preferredClusterId: row.preferredClusterId ?? null }),
  };
}

/** Why its node would not be chosen for it now. What is stored was read once already. */
function unmetText({ row, node }: ContainerReading): string {
  if (node === null || row.constraints.length + row.architectures.length === 0) return "";
  const read = readDemands(row);
  return read.ok ? (unmetDemand({ ...NO_DEMANDS, ...read.demands }, node)?.[1] ?? "") : "";
}

function suspensionField(suspension: ContainerSuspension | null | undefined): Pick<ContainerInit, "suspension"> {
  if (!suspension) return {};
  const { by, reason, at } = suspension;
  return { suspension: { by, reason, at: timestampFromMs(Math.round(at)) } };
}

/** The bound of the cluster it is in, or of the one it prefers while it is nowhere; none for what never moves. */
function boundFields({ row, moves }: ContainerReading): Pick<ContainerInit, "failoverBoundMs" | "failoverBound"> {
  if (!row.ha || moves === null) return {};
  const bound = failoverBoundView({ ...moves, startBudgetMs: row.spec.startBudgetMs });
  return { failoverBoundMs: bound.totalMs ?? 0, failoverBound: bound };
}

type ContainerInit = Exclude<MessageInitShape<typeof ContainerSchema>, { $typeName: string }>;
