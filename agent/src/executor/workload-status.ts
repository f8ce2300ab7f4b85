import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type WorkloadIoSchema,
  WorkloadState,
  type WorkloadStatus,
  WorkloadStatusSchema,
} from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { ContainerIo, ContainerUsage, ObservedContainer } from "../runtime/container-runtime.ts";

/** What the health check says of a running copy; "none" where there is no check. */
export type Health = { readonly kind: "none" | "starting" | "healthy" | "unhealthy"; readonly detail: string };

const DETAIL_CHARS_MAX = 1_000;
const UINT32_MAX = 4_294_967_295;

/** Puts together what a runtime sees and what the health check says. `observed` null: nothing of it is on this node. */
export function workloadStatus(
  containerId: string,
  observed: ObservedContainer | null,
  health: Health,
  usage: ContainerUsage | null,
): WorkloadStatus {
  if (!observed) return create(WorkloadStatusSchema, { containerId, state: WorkloadState.ABSENT });
  const running = observed.state === "running";
  const detail = running ? health.detail : observed.detail;
  return create(WorkloadStatusSchema, {
    containerId,
    epoch: observed.epoch,
    session: observed.session,
    state: running ? RUNNING_STATE[health.kind] : ENDED_STATE[observed.state === "created" ? "created" : "exited"],
    ...(observed.state === "exited" && observed.exitCode !== null ? { exitCode: observed.exitCode } : {}),
    detail: detail.slice(0, DETAIL_CHARS_MAX),
    upMs: BigInt(Math.floor(observed.upMs)),
    memoryUsedBytes: BigInt(Math.max(0, Math.floor(usage?.memoryUsedBytes ?? 0))),
    cpuUsedMillis: Math.min(UINT32_MAX, Math.max(0, Math.floor(usage?.cpuUsedMillis ?? 0))),
    ...(usage?.io ? { io: ioTo(usage.io) } : {}),
  });
}

function ioTo(io: ContainerIo): MessageInitShape<typeof WorkloadIoSchema> {
  return {
    networkReceivedBytes: BigInt(io.networkReceivedBytes),
    networkSentBytes: BigInt(io.networkSentBytes),
    diskReadBytes: BigInt(io.diskReadBytes),
    diskWrittenBytes: BigInt(io.diskWrittenBytes),
  };
}

const RUNNING_STATE = {
  none: WorkloadState.RUNNING,
  starting: WorkloadState.STARTING,
  healthy: WorkloadState.RUNNING,
  unhealthy: WorkloadState.UNHEALTHY,
} as const;

const ENDED_STATE = { created: WorkloadState.CREATED, exited: WorkloadState.EXITED } as const;

/** Two looks with the same key tell nothing new; a report of the second is not sent. */
export function reportKey(status: WorkloadStatus): string {
  return `${status.epoch}/${status.state}/${status.upMs === 0n}/${status.exitCode ?? ""}`;
}
