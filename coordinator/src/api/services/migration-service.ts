import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { MigrationService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { noMigration } from "../../store/read-model/lookup.ts";
import { listMigrations, type MigrationReading, migrationsById } from "../../store/read-model/migration-readings.ts";
import { visibleNodes } from "../../store/read-model/node-readings.ts";
import type { Snapshot } from "../../store/read-model/snapshot.ts";
import { sightOf } from "../sight.ts";
import { migrationView } from "../views/migration-view.ts";
import { callerOf, found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

/** Migrations; see the proto. */
export function migrationService(plane: PlaneContext): ServiceImpl<typeof MigrationService> {
  const one = (snapshot: Snapshot, id: string): Promise<MigrationReading> =>
    migrationsById(snapshot, [id]).then((readings) => found(readings.get(id), () => noMigration(id)));
  const view = (named: string, context: HandlerContext) =>
    read(plane, async (snapshot) => {
      const visible = await visibleNodes(snapshot.em, sightOf(callerOf(context), "node"));
      return migrationView(await one(snapshot, named.toLowerCase()), visible);
    });

  return {
    listMigrations: (request, context) =>
      read(plane, async (snapshot) => {
        const caller = callerOf(context);
        const reach = sightOf(caller, "migration");
        const page = await listMigrations(snapshot, { containerId: null, reach, ...request });
        const visible = await visibleNodes(snapshot.em, sightOf(caller, "node"));
        return {
          migrations: page.rows.map((reading) => migrationView(reading, visible)),
          nextPageToken: page.nextPageToken,
          asOf: snapshot.asOf,
        };
      }),

    getMigration: async (request, context) => ({ migration: await view(request.id, context) }),

    async cancelMigration(request, context) {
      const { row } = await read(plane, (snapshot) => one(snapshot, request.id.toLowerCase()));
      await plane.operations.cancelMigration(row.id, row.containerId, requestedBy(context));
      return { migration: await view(row.id, context) };
    },
  };
}
