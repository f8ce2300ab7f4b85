import { Migration } from "@mikro-orm/migrations";

/** Keys of containers' secrets. What was stored before stays as it is, and is sealed with the container's next change. */
export class Migration20261130180000Secrets extends Migration {
  override name = "migration-20261130180000-secrets";

  override up(): void {
    this.addSql(
      `create table "container_key" ("container_id" uuid not null, "id" uuid not null, "master_key_id" varchar(16) not null, "wrapped" text not null, primary key ("container_id"));`,
    );
    this.addSql(`create index "container_key_master_key_id_index" on "container_key" ("master_key_id");`);
    this.addSql(
      `create table "master_key" ("scope" varchar(63) not null, "key_id" varchar(16) not null, "since" timestamptz not null, primary key ("scope"));`,
    );
  }

  override down(): void {
    this.addSql(`drop table if exists "container_key";`);
    this.addSql(`drop table if exists "master_key";`);
  }
}
