import { Migration } from "@mikro-orm/migrations";

/** Every table of the first release. */
export class Migration20261121114500Initial extends Migration {
  override name = "migration-20261121114500-initial";

  override up(): void {
    this.addSql(
      `create table "actor_snapshot" ("kind" varchar(16) not null, "id" uuid not null, "machine_version" int not null, "snapshot" jsonb not null, "updated_at" timestamptz not null, primary key ("kind", "id"));`,
    );

    this.addSql(
      `create table "api_token" ("token_hash" varchar(64) not null, "name" varchar(128) not null, "created_at" timestamptz not null, "revoked_at" timestamptz null, primary key ("token_hash"));`,
    );

    this.addSql(
      `create table "category" ("id" varchar(63) not null, "name" varchar(128) not null, primary key ("id"));`,
    );

    this.addSql(
      `create table "cluster" ("id" uuid not null, "name" varchar(63) not null, "description" text not null default '', "policy" jsonb not null, "auto_migrate" boolean not null default true, "allow_other_clusters" boolean not null default false, "created_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(`alter table "cluster" add constraint "cluster_name_unique" unique ("name");`);

    this.addSql(
      `create table "container" ("id" uuid not null, "name" varchar(63) not null, "egg_id" varchar(63) not null, "ha" boolean not null, "desired" varchar(16) not null, "status" varchar(16) not null, "status_reason" text not null default '', "node_id" uuid null, "preferred_cluster_id" uuid null, "epoch" bigint not null default '0', "cpu_millis" bigint not null, "memory_bytes" bigint not null, "disk_bytes" bigint not null, "spec" jsonb not null, "environment" jsonb not null, "allow_data_loss" boolean not null default false, "migration_status" varchar(16) not null default 'idle', "migration_id" uuid null, "last_migration_at" timestamptz null, "restart_count" int not null default 0, "created_at" timestamptz not null, "as_of" bigint not null default '0', primary key ("id"));`,
    );
    this.addSql(`alter table "container" add constraint "container_name_unique" unique ("name");`);
    this.addSql(`create index "container_node_id_index" on "container" ("node_id");`);

    this.addSql(
      `create table "egg" ("id" varchar(63) not null, "category_id" varchar(63) not null, "name" varchar(128) not null, "version" varchar(32) not null, "built_in" boolean not null default false, "definition" jsonb not null, "updated_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(`create index "egg_category_id_index" on "egg" ("category_id");`);

    this.addSql(
      `create table "event" ("sequence" bigint not null, "at" timestamptz not null, "type" varchar(64) not null, "severity" varchar(8) not null, "message" text not null, "node_id" uuid null, "container_id" uuid null, "migration_id" uuid null, "data" jsonb not null, primary key ("sequence"));`,
    );
    this.addSql(`create index "event_node_id_index" on "event" ("node_id");`);
    this.addSql(`create index "event_container_id_index" on "event" ("container_id");`);
    this.addSql(`create index "event_migration_id_index" on "event" ("migration_id");`);

    this.addSql(
      `create table "job" ("id" uuid not null, "container_id" uuid not null, "container_name" varchar(63) not null, "kind" varchar(32) not null, "requested_by" varchar(256) not null, "state" varchar(16) not null, "error" text not null default '', "created_at" timestamptz not null, "ended_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(`create index "job_container_id_index" on "job" ("container_id");`);

    this.addSql(
      `create table "join_token" ("secret_hash" varchar(64) not null, "cluster_id" uuid not null, "created_by" varchar(256) not null, "created_at" timestamptz not null, "expires_at" timestamptz not null, "used_at" timestamptz null, "used_by_node_id" uuid null, primary key ("secret_hash"));`,
    );

    this.addSql(
      `create table "leadership" ("scope" varchar(63) not null, "holder" varchar(128) null, "term" bigint not null default '0', "renewals" bigint not null default '0', "ttl_ms" int not null, primary key ("scope"));`,
    );

    this.addSql(
      `create table "migration" ("id" uuid not null, "container_id" uuid not null, "container_name" varchar(63) not null, "source_node_id" uuid not null, "target_node_id" uuid null, "trigger" varchar(16) not null, "outcome" varchar(16) not null, "state" varchar(32) not null, "started_at" timestamptz not null, "ended_at" timestamptz null, "downtime_ms" bigint null, "error_code" varchar(64) not null default '', "error_message" text not null default '', "decision" jsonb null, "as_of" bigint not null default '0', primary key ("id"));`,
    );
    this.addSql(`create index "migration_container_id_index" on "migration" ("container_id");`);
    this.addSql(`create index "migration_outcome_index" on "migration" ("outcome");`);
    this.addSql(`create index "migration_started_at_index" on "migration" ("started_at");`);

    this.addSql(
      `create table "migration_step" ("migration_id" uuid not null, "position" int not null, "name" varchar(32) not null, "started_at" timestamptz not null, "ended_at" timestamptz null, "detail" text not null default '', primary key ("migration_id", "position"));`,
    );

    this.addSql(
      `create table "node" ("id" uuid not null, "name" varchar(63) not null, "cluster_id" uuid not null, "status" varchar(16) not null, "session" bigint not null default '0', "schedulable" boolean not null default true, "guarded" boolean not null default false, "address" varchar(253) not null default '', "runtime" varchar(32) not null default '', "architecture" varchar(32) not null default '', "platform" varchar(256) not null default '', "agent_version" varchar(64) not null default '', "port_pool_min" int not null default 0, "port_pool_max" int not null default 0, "cpu_millis" bigint not null default '0', "memory_bytes" bigint not null default '0', "disk_bytes" bigint not null default '0', "certificate_serial" varchar(64) not null default '', "enrolled_at" timestamptz not null, "revoked_at" timestamptz null, "as_of" bigint not null default '0', primary key ("id"));`,
    );
    this.addSql(`alter table "node" add constraint "node_name_unique" unique ("name");`);
    this.addSql(`create index "node_cluster_id_index" on "node" ("cluster_id");`);

    this.addSql(
      `create table "node_health" ("node_id" uuid not null, "status" varchar(16) not null, "last_heartbeat_at" timestamptz null, "used_cpu_millis" bigint not null default '0', "used_memory_bytes" bigint not null default '0', "used_disk_bytes" bigint not null default '0', "updated_at" timestamptz not null, primary key ("node_id"));`,
    );

    this.addSql(
      `create table "outbox" ("command_id" uuid not null, "position" bigint not null, "node_id" uuid not null, "container_id" uuid not null, "ordinal" int not null, "term" bigint not null, "session" bigint not null, "epoch" bigint not null, "timeout_ms" int not null, "action" jsonb not null, "state" varchar(8) not null, "created_at" timestamptz not null, "ended_at" timestamptz null, "ok" boolean null, "error_code" varchar(64) not null default '', "error_message" text not null default '', primary key ("command_id"));`,
    );
    this.addSql(`alter table "outbox" add constraint "outbox_position_unique" unique ("position");`);
    this.addSql(`create index "outbox_container_id_index" on "outbox" ("container_id");`);
    this.addSql(`create index "outbox_node_id_state_index" on "outbox" ("node_id", "state");`);

    this.addSql(
      `create table "port_reservation" ("node_id" uuid not null, "protocol" varchar(3) not null, "host_port" int not null, "container_id" uuid not null, "name" varchar(63) not null, "container_port" int not null, primary key ("node_id", "protocol", "host_port"));`,
    );
    this.addSql(`create index "port_reservation_container_id_index" on "port_reservation" ("container_id");`);

    this.addSql(
      `create table "reservation" ("container_id" uuid not null, "node_id" uuid not null, "cpu_millis" bigint not null, "memory_bytes" bigint not null, "disk_bytes" bigint not null, primary key ("container_id", "node_id"));`,
    );
    this.addSql(`create index "reservation_node_id_index" on "reservation" ("node_id");`);
  }
}
