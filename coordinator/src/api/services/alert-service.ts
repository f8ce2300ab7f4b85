import type { ServiceImpl } from "@connectrpc/connect";
import type { AlertService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { alertsById, countOpenAlerts, listAlerts } from "../../store/read-model/alert-readings.ts";
import { alertView } from "../views/alert-view.ts";
import { found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

/** Alerts; see the proto. */
export function alertService(plane: PlaneContext): ServiceImpl<typeof AlertService> {
  const view = (id: string) =>
    read(plane, async (snapshot) =>
      alertView(found((await alertsById(snapshot, [id])).get(id), () => noSuchAlert(id))),
    );
  return {
    listAlerts: (request) =>
      read(plane, async (snapshot) => {
        const { includeResolved, pageSize, pageToken } = request;
        const page = await listAlerts(snapshot, { resolved: includeResolved, subjectId: null, pageSize, pageToken });
        return {
          alerts: page.rows.map(alertView),
          nextPageToken: page.nextPageToken,
          asOf: snapshot.asOf,
          openCount: await countOpenAlerts(snapshot),
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

function noSuchAlert(id: string): Refusal {
  return new Refusal("not_found", `There is no alert ${id}.`, "List the alerts and use one of their ids.", {
    field: "id",
  });
}
