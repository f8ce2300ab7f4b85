import type { ServiceImpl } from "@connectrpc/connect";
import type { MigrationService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { listMigrations, migrationsById } from "../../store/read-model/migration-readings.ts";
import { migrationView } from "../views/migration-view.ts";
import { found, type PlaneContext, read } from "./plane-context.ts";

/** Migrations; see the proto. */
export function migrationService(plane: PlaneContext): ServiceImpl<typeof MigrationService> {
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

    getMigration: (request) =>
      read(plane, async (snapshot) => {
        const id = request.id.toLowerCase();
        const reading = (await migrationsById(snapshot, [id])).get(id);
        return { migration: migrationView(found(reading, () => noSuchMigration(id))) };
      }),
  };
}

function noSuchMigration(id: string): Refusal {
  return new Refusal("not_found", `There is no migration ${id}.`, "List the migrations and use one of their ids.", {
    field: "id",
  });
}
