import type { ServiceImpl } from "@connectrpc/connect";
import type { HealthService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { inCluster, reaches, reachOf } from "../../permissions/grant.ts";
import { allNodes, type NodeReading } from "../../store/read-model/node-readings.ts";
import { isConnectionFailure } from "../connection-failure.ts";
import { liveNodes, nodeHealthView } from "../views/node-view.ts";
import { callerOf, type PlaneContext, read } from "./plane-context.ts";

/**
 * Health; see the proto. It answers while the database does not: the nodes are then those of the last answer, with what
 * memory knows of them now.
 */
export function healthService(plane: PlaneContext): ServiceImpl<typeof HealthService> {
  let known: readonly NodeReading[] = [];
  return {
    async getHealth(_, context) {
      let databaseReady = true;
      try {
        known = await read(plane, (snapshot) => allNodes(snapshot));
      } catch (error) {
        if (!isConnectionFailure(error)) throw error;
        databaseReady = false;
      }
      const { leader, term } = plane.status.leading();
      const live = liveNodes(plane.status);
      const reach = reachOf(callerOf(context).grants, "node:health:view");
      const seen = known.filter(({ row }) => reaches(reach, inCluster(row.clusterId)));
      const well = databaseReady && leader && seen.every((node) => node.row.status === "healthy");
      return {
        status: well ? "ok" : "degraded",
        version: plane.version,
        leader,
        term: BigInt(term),
        databaseReady,
        nodes: seen.map((reading) => nodeHealthView(reading, live)),
      };
    },
  };
}
