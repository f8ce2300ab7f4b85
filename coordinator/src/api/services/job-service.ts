import type { ServiceImpl } from "@connectrpc/connect";
import type { JobService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { reachOf } from "../../permissions/grant.ts";
import { listJobs } from "../../store/read-model/job-readings.ts";
import { jobView } from "../views/job-view.ts";
import { callerOf, type PlaneContext, read } from "./plane-context.ts";
import { visibleJob } from "./visible-job.ts";

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
        return { job: jobView(await visibleJob(snapshot, callerOf(context), id, "id")) };
      }),
  };
}
