import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { NodeService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { findClusterId, findNodeId } from "../../store/read-model/lookup.ts";
import { listNodes, nodesById } from "../../store/read-model/node-readings.ts";
import { mustSee, sightOf } from "../sight.ts";
import { nodeView } from "../views/node-view.ts";
import { nodeDutyService } from "./node-duty-service.ts";
import { callerOf, found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

/** Nodes; see the proto. */
export function nodeService(plane: PlaneContext): ServiceImpl<typeof NodeService> {
  return {
    listNodes: (request, context) =>
      read(plane, async (snapshot, live) => {
        const caller = callerOf(context);
        const { cluster } = request;
        const clusterId =
          cluster === "" ? null : (await mustSee(snapshot.em, caller, "cluster", cluster, "cluster", "unknown")).id;
        const page = await listNodes(snapshot, { clusterId, reach: sightOf(caller, "node"), ...request });
        return {
          nodes: page.rows.map((reading) => nodeView(reading, live)),
          nextPageToken: page.nextPageToken,
          asOf: snapshot.asOf,
        };
      }),

    getNode: (request) =>
      read(plane, async (snapshot, live) => {
        const id = await findNodeId(snapshot.em, request.id, "id", "not_found");
        const reading = found((await nodesById(snapshot, [id])).get(id), () => new Error(`node ${id} vanished`));
        return { node: nodeView(reading, live) };
      }),

    ...nodeDutyService(plane),

    async createJoinToken(request, context) {
      const clusterId = await read(plane, ({ em }) => findClusterId(em, request.cluster, "cluster", "not_found"));
      const made = await plane.createJoinToken(clusterId, requestedBy(context), request.needsApproval);
      return {
        token: made.token,
        expiresAt: timestampFromDate(made.expiresAt),
        coordinatorAddress: made.coordinatorAddress,
      };
    },
  };
}
