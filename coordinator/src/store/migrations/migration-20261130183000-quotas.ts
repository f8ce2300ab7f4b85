import { Migration } from "@mikro-orm/migrations";

/** Quotas, and whose a container is. Containers of before are nobody's: they count for their clusters alone. */
export class Migration20261130183000Quotas extends Migration {
  override name = "migration-20261130183000-quotas";

  override up(): void {
    this.addSql(
      `create table "quota" ("subject_kind" varchar(8) not null, "subject_id" varchar(64) not null, "containers" int null, "cpu_millis" bigint null, "memory_bytes" bigint null, "disk_bytes" bigint null, "ports" int null, "set_by" varchar(320) not null, "set_at" timestamptz not null, primary key ("subject_kind", "subject_id"));`,
    );
    this.addSql(`alter table "container" add "owner" varchar(64) not null default '';`);
  }

  override down(): void {
    this.addSql(`alter table "container" drop column "owner";`);
    this.addSql(`drop table if exists "quota";`);
  }
}
