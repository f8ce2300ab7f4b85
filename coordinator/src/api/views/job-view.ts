import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type JobProgressSchema,
  type JobResultSchema,
  type JobSchema,
  JobState,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { JobKind } from "../../domain/container/job-kind.ts";
import { jobProgress } from "../../domain/container/job-progress.ts";
import type { JobReading } from "../../store/read-model/job-readings.ts";
import { momentField } from "./amounts.ts";

const STATE: Readonly<Record<string, JobState>> = {
  running: JobState.RUNNING,
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
};

/** A job as the API shows it; a state that this version does not know is UNSPECIFIED. */
export function jobView(reading: JobReading): MessageInitShape<typeof JobSchema> {
  const { id, containerId, containerName, kind, requestedBy, requestId, state, ...rest } = reading.row;
  const progress = progressOf(reading);
  const result = resultOf(reading);
  return {
    ...{ id, containerId, containerName, kind, requestedBy, requestId, error: rest.error },
    state: STATE[state] ?? JobState.UNSPECIFIED,
    ...momentField("createdAt", rest.createdAt),
    ...momentField("endedAt", rest.endedAt),
    migrationId: rest.migrationId ?? "",
    ...(progress === null ? {} : { progress }),
    ...(result === null ? {} : { result }),
  };
}

function progressOf({ row, actor }: JobReading): MessageInitShape<typeof JobProgressSchema> | null {
  // The kinds in the column are those that decisions wrote.
  return actor === null ? null : jobProgress(row.kind as JobKind, actor);
}

function resultOf(reading: JobReading): MessageInitShape<typeof JobResultSchema> | null {
  const { row, migration, nodeName, sourceNodeName } = reading;
  if (typeof row.reached !== "string") return null;
  const moved = row.kind === "migrate" ? migration : null;
  const downtimeMs = moved?.downtimeMs ?? null;
  return {
    reached: row.reached === "gone" ? "removed" : row.reached,
    ...{ nodeId: row.nodeId ?? "", nodeName, epoch: BigInt(row.epoch ?? 0) },
    ...(moved === null ? {} : { sourceNodeId: moved.sourceNodeId, sourceNodeName }),
    ...(downtimeMs === null ? {} : { downtimeMs: BigInt(downtimeMs) }),
  };
}
