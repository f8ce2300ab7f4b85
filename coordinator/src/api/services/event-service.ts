import type { ServiceImpl } from "@connectrpc/connect";
import type { EventService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { listEvents } from "../../store/read-model/event-readings.ts";
import { findContainerId, findNodeId } from "../../store/read-model/lookup.ts";
import { eventView } from "../views/event-view.ts";
import type { WatchHub } from "../watch/watch-hub.ts";
import { type PlaneContext, read } from "./plane-context.ts";

/** Events; see the proto. */
export function eventService(plane: PlaneContext, hub: WatchHub): ServiceImpl<typeof EventService> {
  return {
    listEvents: (request) =>
      read(plane, async (snapshot) => {
        const containerId =
          request.container === "" ? null : await findContainerId(snapshot.em, request.container, "container");
        const nodeId = request.node === "" ? null : await findNodeId(snapshot.em, request.node, "node");
        const { after, pageSize, latest } = request;
        const rows = await listEvents(snapshot, { after, containerId, nodeId, pageSize, latest });
        return { events: rows.map(eventView), asOf: snapshot.asOf };
      }),

    watch: (request, context) => hub.watch(request.after ?? null, context.signal),
  };
}
