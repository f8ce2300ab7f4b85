import { Migration } from "@mikro-orm/migrations";

/** What operators have decided about nodes, and the N+1 policy of clusters. */
export class Migration20261121144617Duties extends Migration {
  override name = "migration-20261121144617-duties";

  override up(): void {
    this.addSql(`alter table "cluster" add "n_plus_one" varchar(8) not null default 'warn';`);

    this.addSql(`alter table "node" add "duty" jsonb null;`);
  }
}
