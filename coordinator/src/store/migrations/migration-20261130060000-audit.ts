import { Migration } from "@mikro-orm/migrations";

/**
 * The audit trail, which is only ever added to. Two things hold that: nobody but a superuser has the right to change or delete a
 * row, the owner's own having been taken from him; and a trigger, which stops a superuser too, refuses everything but the
 * deletion of what is older than the retention. docs/audit.md says what this does not hold against.
 */
export class Migration20261130060000Audit extends Migration {
  override name = "migration-20261130060000-audit";

  override up(): void {
    this.addSql(
      `create table "audit_entry" ("sequence" bigserial primary key, "at" timestamptz not null default now(), "refers_to" bigint null, "request_id" varchar(64) not null default '', "actor_kind" varchar(16) not null default '', "actor_id" varchar(64) not null default '', "actor_name" varchar(256) not null default '', "token_prefix" varchar(16) not null default '', "address" varchar(64) not null default '', "method" varchar(128) not null default '', "permission" varchar(64) not null default '', "object_kind" varchar(16) not null default '', "object_id" varchar(64) not null default '', "object_name" varchar(256) not null default '', "decision" varchar(8) not null, "outcome" varchar(64) not null default '', "reason" varchar(1024) not null default '', "count" int not null default 1, "since" timestamptz null, "request" jsonb null, "before" jsonb null, "after" jsonb null);`,
    );
    this.addSql(`alter table "audit_entry" add constraint "audit_entry_refers_to_unique" unique ("refers_to");`);
    this.addSql(`create index "audit_entry_at_index" on "audit_entry" ("at");`);
    this.addSql(`create index "audit_entry_actor_name_index" on "audit_entry" ("actor_name");`);
    this.addSql(`create index "audit_entry_object_name_index" on "audit_entry" ("object_name");`);

    this.addSql(`create table "audit_retention" ("id" int not null, "days" int not null, primary key ("id"));`);
    this.addSql(`alter table "audit_retention" add constraint "audit_retention_days_check" check (days >= 30);`);
    this.addSql(`insert into "audit_retention" ("id", "days") values (1, 400);`);

    this.addSql(
      `create function "audit_entry_guard"() returns trigger language plpgsql set search_path = public, pg_temp as $guard$
       begin
         if tg_op = 'DELETE' and old."at" < now() - make_interval(days => (select min("days") from "audit_retention")) then
           return old;
         end if;
         raise exception 'audit_entry is append-only: % is refused', lower(tg_op) using errcode = 'insufficient_privilege';
       end $guard$;`,
    );
    this.addSql(
      `create trigger "audit_entry_append_only" before update or delete on "audit_entry" for each row execute function "audit_entry_guard"();`,
    );
    this.addSql(
      `create trigger "audit_entry_no_truncate" before truncate on "audit_entry" for each statement execute function "audit_entry_guard"();`,
    );
    // The right to delete exists inside this function's transaction alone, and is gone again before anybody could see it.
    this.addSql(
      `create function "audit_entry_forget"("rows_max" int) returns int language plpgsql security definer set search_path = public, pg_temp as $forget$
       declare "gone" int;
       begin
         if not pg_try_advisory_xact_lock(1308107263) then
           return 0;
         end if;
         execute format('grant delete on "audit_entry" to %I', current_user);
         delete from "audit_entry" where "sequence" in
           (select "sequence" from "audit_entry"
              where "at" < now() - make_interval(days => (select min("days") from "audit_retention"))
              order by "at" limit "rows_max");
         get diagnostics "gone" = row_count;
         execute format('revoke delete on "audit_entry" from %I', current_user);
         return "gone";
       end $forget$;`,
    );
    this.addSql(`revoke all on function "audit_entry_forget"(int) from public;`);
    this.addSql(`revoke update, delete, truncate on "audit_entry" from current_user;`);
  }
}
