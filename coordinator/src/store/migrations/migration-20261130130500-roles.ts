import { Migration } from "@mikro-orm/migrations";

/** Roles of one's own. */
export class Migration20261130130500Roles extends Migration {
  override name = "migration-20261130130500-roles";

  override up(): void {
    this.addSql(
      `create table "role" ("name" varchar(63) not null, "description" text not null, "includes" jsonb not null, "grants" jsonb not null, "changed_by" varchar(320) not null, "changed_at" timestamptz not null, primary key ("name"));`,
    );
  }

  override down(): void {
    this.addSql(`drop table if exists "role";`);
  }
}
