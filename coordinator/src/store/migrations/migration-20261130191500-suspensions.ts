import { Migration } from "@mikro-orm/migrations";

/** Containers that somebody who runs the fleet has stopped until he says otherwise. */
export class Migration20261130191500Suspensions extends Migration {
  override name = "migration-20261130191500-suspensions";

  override up(): void {
    this.addSql(`alter table "container" add "suspension" jsonb null;`);
  }

  override down(): void {
    this.addSql(`alter table "container" drop column "suspension";`);
  }
}
