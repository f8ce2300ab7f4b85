import { Migration } from "@mikro-orm/migrations";

/** The documents that imported eggs came from. Eggs that are there already came from none. */
export class Migration20261130063800EggOrigins extends Migration {
  override name = "migration-20261130063800-egg-origins";

  override up(): void {
    this.addSql(
      `create table "egg_origin" ("egg_id" varchar(63) not null, "format" varchar(16) not null, "syntax" varchar(8) not null, "text" text not null, "json" text null, primary key ("egg_id"));`,
    );
  }

  override down(): void {
    this.addSql(`drop table if exists "egg_origin";`);
  }
}
