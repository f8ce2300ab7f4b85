import { Migration } from "@mikro-orm/migrations";

/** Which request, or decision that nobody asked for, everything follows from; of what was before nobody knows. */
export class Migration20261201101846RequestIds extends Migration {
  override name = "migration-20261201101846-request-ids";

  override up(): void {
    // What takes long comes before what locks the most; `event` before the others, in the order of those who read a snapshot.
    this.addSql(`create index "audit_entry_request_id_index" on "audit_entry" ("request_id");`);
    for (const table of ["event", "container", "job", "migration", "outbox"]) {
      this.addSql(`alter table "${table}" add "request_id" varchar(64) not null default '';`);
      if (table === "event") this.addSql(`create index "event_request_id_index" on "event" ("request_id");`);
    }
    this.addSql(`alter table "node" add "duty_request_id" varchar(64) not null default '';`);
  }

  override down(): void {
    this.addSql(`drop index "audit_entry_request_id_index";`);
    this.addSql(`alter table "node" drop column "duty_request_id";`);
    for (const table of ["container", "event", "job", "migration", "outbox"]) {
      this.addSql(`alter table "${table}" drop column "request_id";`);
    }
  }
}
