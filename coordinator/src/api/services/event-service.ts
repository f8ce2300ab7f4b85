import type { ServiceImpl } from "@connectrpc/connect";
import type { EventService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { reachOf } from "../../permissions/grant.ts";
import { listEvents } from "../../store/read-model/event-readings.ts";
import { streamGuardKey } from "../call-context.ts";
import { mustSee } from "../sight.ts";
import { eventView } from "../views/event-view.ts";
import type { WatchHub } from "../watch/watch-hub.ts";
import { sameSight, sightChanged, watchView } from "../watch/watch-view.ts";
import { callerOf, type PlaneContext, read } from "./plane-context.ts";
import { visibleJob } from "./visible-job.ts";

/** Events; see the proto. */
export function eventService(plane: PlaneContext, hub: WatchHub): ServiceImpl<typeof EventService> {
  return {
    listEvents: (request, context) =>
      read(plane, async (snapshot) => {
        const caller = callerOf(context);
        const idOf = async (kind: "container" | "node", named: string): Promise<string | null> =>
          named === "" ? null : (await mustSee(snapshot.em, caller, kind, named, kind, "unknown")).id;
        const containerId = await idOf("container", request.container);
        const nodeId = await idOf("node", request.node);
        const { after, pageSize, latest, request: requestId } = request;
        const reach = reachOf(caller.grants, "event:view");
        const job = request.job === "" ? null : (await visibleJob(snapshot, caller, request.job, "job")).row;
        const rows = await listEvents(snapshot, {
          ...{ after, containerId, nodeId, job, request: requestId, pageSize, latest, reach },
        });
        return { events: rows.map(eventView), asOf: snapshot.asOf };
      }),

    watch(request, context) {
      const caller = callerOf(context);
      context.values.set(streamGuardKey, async (now) => {
        if (!sameSight(caller, now)) throw sightChanged();
      });
      return hub.watch(request.after ?? null, context.signal, watchView(caller));
    },
  };
}
