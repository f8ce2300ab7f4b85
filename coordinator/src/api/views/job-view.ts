import type { MessageInitShape } from "@bufbuild/protobuf";
import { type JobSchema, JobState } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { listJobs } from "../../store/read-model/job-readings.ts";
import { momentField } from "./amounts.ts";

type JobReading = Awaited<ReturnType<typeof listJobs>>["rows"][number];

const STATE: Readonly<Record<string, JobState>> = {
  running: JobState.RUNNING,
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
};

/** A job as the API shows it; a state that this version does not know is UNSPECIFIED. */
export function jobView(row: JobReading): MessageInitShape<typeof JobSchema> {
  const { id, containerId, containerName, kind, requestedBy, state, error } = row;
  return {
    ...{ id, containerId, containerName, kind, requestedBy, error },
    state: STATE[state] ?? JobState.UNSPECIFIED,
    ...momentField("createdAt", row.createdAt),
    ...momentField("endedAt", row.endedAt),
  };
}
