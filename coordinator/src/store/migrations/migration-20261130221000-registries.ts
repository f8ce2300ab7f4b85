import { Migration } from "@mikro-orm/migrations";

/** Logins for registries of images. */
export class Migration20261130221000Registries extends Migration {
  override name = "migration-20261130221000-registries";

  override up(): void {
    this.addSql(
      `create table "registry" ("server" varchar(255) not null, "cluster_id" varchar(36) not null, "username" varchar(256) not null, "sealed" text not null, "key_id" uuid not null, "master_key_id" varchar(16) not null, "wrapped" text not null, "set_by" varchar(320) not null, "set_at" timestamptz not null, primary key ("server", "cluster_id"));`,
    );
    this.addSql(`create index "registry_master_key_id_index" on "registry" ("master_key_id");`);
  }

  override down(): void {
    this.addSql(`drop table if exists "registry";`);
  }
}
