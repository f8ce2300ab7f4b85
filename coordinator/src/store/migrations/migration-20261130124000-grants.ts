import { Migration } from "@mikro-orm/migrations";

/**
 * Roles for a cluster or a container, and where events happened. Everybody keeps the role for everything that he has; events of
 * before are where their node and their container are now.
 */
export class Migration20261130124000Grants extends Migration {
  override name = "migration-20261130124000-grants";

  override up(): void {
    this.addSql(
      `create table "role_grant" ("holder_kind" varchar(8) not null, "holder_id" varchar(64) not null, "role" varchar(63) not null, "scope_kind" varchar(16) not null, "scope_id" uuid not null, "created_by" varchar(320) not null, "created_at" timestamptz not null, primary key ("holder_kind", "holder_id", "role", "scope_kind", "scope_id"));`,
    );
    this.addSql(`alter table "api_token" alter column "role" type varchar(63) using ("role"::varchar(63));`);
    this.addSql(`alter table "event" add "cluster_ids" uuid[] not null default '{}';`);
    this.addSql(
      `update "event" e set "cluster_ids" = array(
         select n.cluster_id from node n where n.id = e.node_id
         union select c.preferred_cluster_id from container c where c.id = e.container_id and c.preferred_cluster_id is not null
         union select n.cluster_id from container c join node n on n.id = c.node_id where c.id = e.container_id
         union select (e.data->>'clusterId')::uuid where e.data->>'clusterId' is not null)
       where e.node_id is not null or e.container_id is not null or e.data->>'clusterId' is not null;`,
    );
  }

  override down(): void {
    this.addSql(`alter table "event" drop column "cluster_ids";`);
    this.addSql(`alter table "api_token" alter column "role" type varchar(16) using ("role"::varchar(16));`);
    this.addSql(`drop table if exists "role_grant";`);
  }
}
