import { Migration } from "@mikro-orm/migrations";

/** Nodes that wait to be let in, and the tokens that make them wait. */
export class Migration20261130180500NodeApproval extends Migration {
  override name = "migration-20261130180500-node-approval";

  override up(): void {
    this.addSql(`alter table "node" add "approval" jsonb null;`);
    this.addSql(`alter table "join_token" add "needs_approval" boolean not null default false;`);
  }

  override down(): void {
    this.addSql(`alter table "join_token" drop column "needs_approval";`);
    this.addSql(`alter table "node" drop column "approval";`);
  }
}
