import { Migration } from "@mikro-orm/migrations";

/** The fleet's certificate authority where every coordinator finds it, so that another can take its place. */
export class Migration20261130221000Authorities extends Migration {
  override name = "migration-20261130221000-authorities";

  override up(): void {
    this.addSql(
      `create table "authority" ("id" varchar(64) not null, "certificate" text not null, "key_id" uuid null, "master_key_id" varchar(16) null, "wrapped" text null, "created_at" timestamptz not null, "retired_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(
      `create table "authority_rotation" ("scope" varchar(63) not null, "phase" varchar(16) not null, "current_id" varchar(64) not null, "next_id" varchar(64) null, "revision" int not null, "phase_since" timestamptz not null, "started_at" timestamptz null, "started_by" varchar(320) not null default '', "left_behind" jsonb not null default '[]', primary key ("scope"));`,
    );
    this.addSql(
      `create table "authority_coordinator" ("name" varchar(320) not null, "revision" int not null, "seen_at" timestamptz not null, primary key ("name"));`,
    );
    this.addSql(
      `create table "node_trust" ("node_id" uuid not null, "trusted" jsonb not null, "issuer" varchar(64) not null, "reported_at" timestamptz not null, primary key ("node_id"));`,
    );
  }

  override down(): void {
    for (const table of ["node_trust", "authority_coordinator", "authority_rotation", "authority"]) {
      this.addSql(`drop table if exists "${table}";`);
    }
  }
}
