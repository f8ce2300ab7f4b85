import { Migration } from "@mikro-orm/migrations";

/** What operations came to, and the migrations that they are; of those of before nobody knows. */
export class Migration20261201034500JobResults extends Migration {
  override name = "migration-20261201034500-job-results";

  override up(): void {
    this.addSql(`alter table "job" add "migration_id" uuid null;`);
    this.addSql(`alter table "job" add "reached" varchar(16) null;`);
    this.addSql(`alter table "job" add "node_id" uuid null;`);
    this.addSql(`alter table "job" add "epoch" bigint null;`);
  }

  override down(): void {
    this.addSql(`alter table "job" drop column "migration_id";`);
    this.addSql(`alter table "job" drop column "reached";`);
    this.addSql(`alter table "job" drop column "node_id";`);
    this.addSql(`alter table "job" drop column "epoch";`);
  }
}
