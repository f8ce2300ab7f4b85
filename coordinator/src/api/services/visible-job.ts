import { Refusal } from "../../domain/refusal.ts";
import { permitAt } from "../../permissions/grant.ts";
import { type JobReading, jobById } from "../../store/read-model/job-readings.ts";
import { locate } from "../../store/read-model/located.ts";
import type { Snapshot } from "../../store/read-model/snapshot.ts";
import type { Caller } from "../call-context.ts";
import { Unseen } from "../sight.ts";
import { found } from "./plane-context.ts";

/** The job with this id, which the caller may see. Refuses with not_found, which names `field`. */
export async function visibleJob(snapshot: Snapshot, caller: Caller, id: string, field: string): Promise<JobReading> {
  const said = () =>
    new Refusal("not_found", `There is no job ${id}.`, "List the jobs and use one of their ids.", { field });
  const job = found(await jobById(snapshot, id.toLowerCase()), said);
  const { containerId, containerName: name } = job.row;
  // Of a container that is gone, whoever has a grant for everything or for itself may see what was asked of it.
  const gone = { id: containerId, name, place: { clusterIds: [], containerId } };
  const located = (await locate(snapshot.em, "container", containerId)) ?? gone;
  if (permitAt(caller.grants, "job:view", located.place) === null) {
    throw new Unseen(said(), "container", located, `job ${job.row.id} of container ${located.name}`);
  }
  return job;
}
