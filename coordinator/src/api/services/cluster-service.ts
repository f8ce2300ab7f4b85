import type { ServiceImpl } from "@connectrpc/connect";
import { NPlusOnePolicy } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { ClusterService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { clusterById, listClusters } from "../../store/read-model/cluster-readings.ts";
import { findClusterId } from "../../store/read-model/lookup.ts";
import { clusterView } from "../views/cluster-view.ts";
import { found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

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

    async updateCluster(request, context) {
      const id = await read(plane, ({ em }) => findClusterId(em, request.id, "id", "not_found"));
      const nPlusOne = request.nPlusOne === undefined ? null : N_PLUS_ONE[request.nPlusOne];
      if (nPlusOne) await plane.operators.setNPlusOne(id, nPlusOne, requestedBy(context));
      return read(plane, async (snapshot) => {
        const reading = await clusterById(snapshot, id);
        return { cluster: clusterView(found(reading, () => new Error(`cluster ${id} vanished`))) };
      });
    },
  };
}

const N_PLUS_ONE: Readonly<Record<NPlusOnePolicy, "off" | "warn" | "refuse" | null>> = {
  [NPlusOnePolicy.UNSPECIFIED]: null,
  [NPlusOnePolicy.OFF]: "off",
  [NPlusOnePolicy.WARN]: "warn",
  [NPlusOnePolicy.REFUSE]: "refuse",
};
