import { Migration } from "@mikro-orm/migrations";

/** What an API token may, how long, and when it was used. Until now there was the local administrator's alone. */
export class Migration20261129235500ApiTokens extends Migration {
  override name = "migration-20261129235500-api-tokens";

  override up(): void {
    this.addSql(`alter table "api_token" add "role" varchar(16) not null default 'superadmin';`);
    this.addSql(`alter table "api_token" alter column "role" drop default;`);
    this.addSql(
      `alter table "api_token" add "prefix" varchar(16) not null default '', add "created_by" varchar(256) not null default '', add "expires_at" timestamptz null, add "last_used_at" timestamptz null;`,
    );
  }

  override down(): void {
    this.addSql(
      `alter table "api_token" drop column "role", drop column "prefix", drop column "created_by", drop column "expires_at", drop column "last_used_at";`,
    );
  }
}
