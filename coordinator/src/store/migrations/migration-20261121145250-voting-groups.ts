import { Migration } from "@mikro-orm/migrations";

/** Who votes, and what nodes may believe of it. */
export class Migration20261121145250VotingGroups extends Migration {
  override name = "migration-20261121145250-voting-groups";

  override up(): void {
    this.addSql(
      `create table "membership_epoch" ("epoch" bigint not null, "cluster_id" uuid not null, "voters" jsonb not null, "policy" jsonb not null, "created_at" timestamptz not null, primary key ("epoch"));`,
    );
    this.addSql(`create index "membership_epoch_cluster_id_index" on "membership_epoch" ("cluster_id");`);

    this.addSql(
      `alter table "node" add "clock_sound" boolean not null default true, add "peer_address" varchar(260) not null default '';`,
    );

    this.addSql(`alter table "node_health" add "confirmed_epoch" bigint not null default '0';`);
  }
}
