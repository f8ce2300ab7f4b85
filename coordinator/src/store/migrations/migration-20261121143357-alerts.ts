import { Migration } from "@mikro-orm/migrations";

/** What is wrong, and what the webhook's receiver has not heard yet. */
export class Migration20261121143357Alerts extends Migration {
  override name = "migration-20261121143357-alerts";

  override up(): void {
    this.addSql(
      `create table "alert" ("id" uuid not null, "kind" varchar(64) not null, "severity" varchar(8) not null, "subject_kind" varchar(16) not null, "subject_id" uuid not null, "message" text not null, "next_step" text not null, "data" jsonb not null, "ends_when_acknowledged" boolean not null default false, "state" varchar(16) not null, "opened_at" timestamptz not null, "raised_at" timestamptz not null, "acknowledged_at" timestamptz null, "acknowledged_by" varchar(256) not null default '', "resolved_at" timestamptz null, "count" int not null default 1, "as_of" bigint not null default '0', primary key ("id"));`,
    );
    this.addSql(`create index "alert_subject_id_index" on "alert" ("subject_id");`);
    this.addSql(`create index "alert_opened_at_index" on "alert" ("opened_at");`);
    this.addSql(`create index "alert_resolved_at_index" on "alert" ("resolved_at");`);

    this.addSql(
      `create table "alert_delivery" ("position" bigserial primary key, "id" uuid not null, "alert_id" uuid not null, "transition" varchar(16) not null, "at" timestamptz not null, "alert" jsonb not null, "attempts" int not null default 0, "last_error" text not null default '');`,
    );
    this.addSql(`alter table "alert_delivery" add constraint "alert_delivery_id_unique" unique ("id");`);
  }
}
