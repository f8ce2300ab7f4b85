import { Migration } from "@mikro-orm/migrations";

/** Labels of nodes, the names of those that were removed, and jobs in the order in which they are listed. */
export class Migration20261130123400NodeLabels extends Migration {
  override name = "migration-20261130123400-node-labels";

  override up(): void {
    this.addSql(`alter table "node" add "labels" jsonb not null default '{}';`);
    this.addSql(
      `create table "removed_node" ("id" uuid not null, "name" varchar(63) not null, "removed_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(`create index "job_created_at_index" on "job" ("created_at");`);
  }

  override down(): void {
    this.addSql(`drop index "job_created_at_index";`);
    this.addSql(`drop table if exists "removed_node";`);
    this.addSql(`alter table "node" drop column "labels";`);
  }
}
