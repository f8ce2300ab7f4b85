import type { ServiceImpl } from "@connectrpc/connect";
import type { JobService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { permitAt, reachOf } from "../../permissions/grant.ts";
import { jobById, listJobs } from "../../store/read-model/job-readings.ts";
import { locate } from "../../store/read-model/located.ts";
import { Unseen } from "../sight.ts";
import { jobView } from "../views/job-view.ts";
import { callerOf, found, type PlaneContext, read } from "./plane-context.ts";

/** Jobs; see the proto. */
export function jobService(plane: PlaneContext): ServiceImpl<typeof JobService> {
  return {
    listJobs: ({ container, activeOnly, pageSize, pageToken, filter: asked }, context) =>
      read(plane, async (snapshot) => {
        const reach = reachOf(callerOf(context).grants, "job:view");
        const filter = {
          container: container === "" ? null : container,
          activeOnly,
          reach,
          pageSize,
          pageToken,
          filter: asked,
        };
        const page = await listJobs(snapshot, filter);
        return { jobs: page.rows.map(jobView), nextPageToken: page.nextPageToken };
      }),

    getJob: ({ id }, context) =>
      read(plane, async (snapshot) => {
        const job = found(await jobById(snapshot, id.toLowerCase()), () => noSuchJob(id));
        const { id: jobId, containerId, containerName: name } = job.row;
        // Of a container that is gone, whoever has a grant for everything or for itself may see what was asked of it.
        const gone = { id: containerId, name, place: { clusterIds: [], containerId } };
        const located = (await locate(snapshot.em, "container", containerId)) ?? gone;
        if (permitAt(callerOf(context).grants, "job:view", located.place) === null) {
          throw new Unseen(noSuchJob(id), "container", located, `job ${jobId} of container ${located.name}`);
        }
        return { job: jobView(job) };
      }),
  };
}

function noSuchJob(id: string): Refusal {
  return new Refusal("not_found", `There is no job ${id}.`, "List the jobs and use one of their ids.", { field: "id" });
}
