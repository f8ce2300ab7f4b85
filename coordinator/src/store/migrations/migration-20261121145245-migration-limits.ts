import { Migration } from "@mikro-orm/migrations";

/** How many migrations a cluster runs at once; who goes first, and when a container that keeps failing moves. */
export class Migration20261121145245MigrationLimits extends Migration {
  override name = "migration-20261121145245-migration-limits";

  override up(): void {
    this.addSql(
      `alter table "cluster" add "migrations_at_once" int not null default 20, add "migrations_per_target" int not null default 5, add "failovers_per_target" int not null default 32;`,
    );
    this.addSql(
      `alter table "container" add "restart_priority" varchar(16) not null default 'normal', add "crashes_before_move" int not null default 3;`,
    );
  }

  override down(): void {
    this.addSql(
      `alter table "cluster" drop column "migrations_at_once", drop column "migrations_per_target", drop column "failovers_per_target";`,
    );
    this.addSql(`alter table "container" drop column "restart_priority", drop column "crashes_before_move";`);
  }
}
