import { Migration } from "@mikro-orm/migrations";

/** Calls that can be sent again: what their callers have named them, and what was answered. */
export class Migration20261130181500NamedRequests extends Migration {
  override name = "migration-20261130181500-named-requests";

  override up(): void {
    this.addSql(
      `create table "named_request" ("caller" varchar(400) not null, "request_id" uuid not null, "method" varchar(128) not null, "secret_key" jsonb not null, "digest" jsonb not null, "answer" jsonb null, "begun_at" timestamptz not null, "created_at" timestamptz not null, primary key ("caller", "request_id"));`,
    );
    this.addSql(`create index "named_request_created_at_index" on "named_request" ("created_at");`);
  }

  override down(): void {
    this.addSql(`drop table if exists "named_request";`);
  }
}
