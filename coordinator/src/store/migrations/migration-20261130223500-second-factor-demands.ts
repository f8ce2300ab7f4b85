import { Migration } from "@mikro-orm/migrations";

/** Roles that demand a second factor of the people who hold them: those of one's own, and those that ship. */
export class Migration20261130223500SecondFactorDemands extends Migration {
  override name = "migration-20261130223500-second-factor-demands";

  override up(): void {
    this.addSql(`alter table "role" add "second_factor_required" boolean not null default false;`);
    this.addSql(
      `create table "second_factor_demand" ("role" varchar(63) not null, "changed_by" varchar(320) not null, "changed_at" timestamptz not null, primary key ("role"));`,
    );
  }

  override down(): void {
    this.addSql(`drop table if exists "second_factor_demand";`);
    this.addSql(`alter table "role" drop column "second_factor_required";`);
  }
}
