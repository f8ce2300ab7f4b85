import type { ServiceImpl } from "@connectrpc/connect";
import type { MigrationService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { listMigrations, type MigrationReading, migrationsById } from "../../store/read-model/migration-readings.ts";
import { migrationView } from "../views/migration-view.ts";
import { found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

/** Migrations; see the proto. */
export function migrationService(plane: PlaneContext): ServiceImpl<typeof MigrationService> {
  const one = (named: string): Promise<MigrationReading> =>
    read(plane, async (snapshot) => {
      const id = named.toLowerCase();
      return found((await migrationsById(snapshot, [id])).get(id), () => noSuchMigration(id));
    });

  return {
    listMigrations: (request) =>
      read(plane, async (snapshot) => {
        const page = await listMigrations(snapshot, { containerId: null, ...request });
        return {
          migrations: page.rows.map(migrationView),
          nextPageToken: page.nextPageToken,
          asOf: snapshot.asOf,
        };
      }),

    getMigration: async (request) => ({ migration: migrationView(await one(request.id)) }),

    async cancelMigration(request, context) {
      const { row } = await one(request.id);
      await plane.operations.cancelMigration(row.id, row.containerId, requestedBy(context));
      return { migration: migrationView(await one(row.id)) };
    },
  };
}

function noSuchMigration(id: string): Refusal {
  return new Refusal("not_found", `There is no migration ${id}.`, "List the migrations and use one of their ids.", {
    field: "id",
  });
}
