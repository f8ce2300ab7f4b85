import type { ServiceImpl } from "@connectrpc/connect";
import type { AlertService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { alertsById, countOpenAlerts, listAlerts } from "../../store/read-model/alert-readings.ts";
import { noAlert } from "../../store/read-model/lookup.ts";
import { sightOf } from "../sight.ts";
import { alertView } from "../views/alert-view.ts";
import { callerOf, found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

/** Alerts; see the proto. */
export function alertService(plane: PlaneContext): ServiceImpl<typeof AlertService> {
  const view = (id: string) =>
    read(plane, async (snapshot) => alertView(found((await alertsById(snapshot, [id])).get(id), () => noAlert(id))));
  return {
    listAlerts: (request, context) =>
      read(plane, async (snapshot) => {
        const { includeResolved: resolved, pageSize, pageToken } = request;
        const reach = sightOf(callerOf(context), "alert");
        const page = await listAlerts(snapshot, { resolved, subjectId: null, reach, pageSize, pageToken });
        return {
          alerts: page.rows.map(alertView),
          nextPageToken: page.nextPageToken,
          asOf: snapshot.asOf,
          openCount: await countOpenAlerts(snapshot, reach),
        };
      }),

    getAlert: async (request) => ({ alert: await view(request.id.toLowerCase()) }),

    async acknowledgeAlert(request, context) {
      const id = request.id.toLowerCase();
      await plane.operators.acknowledgeAlert(id, requestedBy(context));
      return { alert: await view(id) };
    },
  };
}
