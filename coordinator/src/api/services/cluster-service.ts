import type { ServiceImpl } from "@connectrpc/connect";
import type { ClusterService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { clusterById, listClusters } from "../../store/read-model/cluster-readings.ts";
import { findClusterId } from "../../store/read-model/lookup.ts";
import { clusterView } from "../views/cluster-view.ts";
import { found, type PlaneContext, read } from "./plane-context.ts";

/** Clusters; see the proto. */
export function clusterService(plane: PlaneContext): ServiceImpl<typeof ClusterService> {
  return {
    listClusters: (request) =>
      read(plane, async (snapshot) => {
        const page = await listClusters(snapshot, request);
        return { clusters: page.rows.map(clusterView), nextPageToken: page.nextPageToken };
      }),

    getCluster: (request) =>
      read(plane, async (snapshot) => {
        const id = await findClusterId(snapshot.em, request.id, "id", "not_found");
        return {
          cluster: clusterView(found(await clusterById(snapshot, id), () => new Error(`cluster ${id} vanished`))),
        };
      }),
  };
}
