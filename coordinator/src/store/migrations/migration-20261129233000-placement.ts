import { Migration } from "@mikro-orm/migrations";

/** Which of several nodes takes a container: a cluster's strategy, a node's priority. */
export class Migration20261129233000Placement extends Migration {
  override name = "migration-20261129233000-placement";

  override up(): void {
    this.addSql(`alter table "cluster" add "placement" varchar(8) not null default 'spread';`);
    this.addSql(`alter table "node" add "priority" smallint not null default 10;`);
  }

  override down(): void {
    this.addSql(`alter table "cluster" drop column "placement";`);
    this.addSql(`alter table "node" drop column "priority";`);
  }
}
