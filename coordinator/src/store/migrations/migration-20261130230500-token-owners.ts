import { Migration } from "@mikro-orm/migrations";

/** Tokens that made tokens, at most, until somebody is looked for who made the first; longer chains of before belong to nobody. */
const MAKERS_MAX = 64;

/** Whose a token is: until now that was looked up by the names of its makers, which somebody else may bear by now. */
export class Migration20261130230500TokenOwners extends Migration {
  override name = "migration-20261130230500-token-owners";

  override up(): void {
    this.addSql(`alter table "api_token" add "owner" varchar(64) not null default '';`);
    // A database that is new has no accounts yet, and no tokens.
    this.addSql(`do $$ begin
      if to_regclass('auth.user') is null then return; end if;
      update "api_token" t set "owner" = u.id from auth."user" u where t.created_by = 'session:' || u.email;
      for step in 1..${MAKERS_MAX} loop
        update "api_token" t set "owner" = maker.owner
          from (select distinct on (name) name, owner from "api_token" order by name, revoked_at is null desc, created_at desc) maker
         where t.owner = '' and maker.owner <> '' and t.created_by = 'token:' || maker.name;
        exit when not found;
      end loop;
    end $$;`);
  }

  override down(): void {
    this.addSql(`alter table "api_token" drop column "owner";`);
  }
}
