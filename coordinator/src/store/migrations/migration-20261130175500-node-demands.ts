import { Migration } from "@mikro-orm/migrations";

/** What containers ask of a node beside room. */
export class Migration20261130175500NodeDemands extends Migration {
  override name = "migration-20261130175500-node-demands";

  override up(): void {
    this.addSql(
      `alter table "container" add "constraints" jsonb not null default '[]', add "architectures" jsonb not null default '[]';`,
    );
  }

  override down(): void {
    this.addSql(`alter table "container" drop column "constraints", drop column "architectures";`);
  }
}
