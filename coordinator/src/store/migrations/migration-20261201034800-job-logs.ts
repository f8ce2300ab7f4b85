import { Migration } from "@mikro-orm/migrations";

/** Between which events an operation lay; those of before are told by their time. */
export class Migration20261201034800JobLogs extends Migration {
  override name = "migration-20261201034800-job-logs";

  override up(): void {
    this.addSql(`alter table "job" add "events_after" bigint null;`);
    this.addSql(`alter table "job" add "events_through" bigint null;`);
  }

  override down(): void {
    this.addSql(`alter table "job" drop column "events_after";`);
    this.addSql(`alter table "job" drop column "events_through";`);
  }
}
