import type { EntityManager } from "@mikro-orm/postgresql";
import { Refusal } from "../domain/refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import { RoleGrantEntity } from "./entities/permission-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";

/** Roles for a cluster or a container that one may hold; one more is refused. */
export const GRANTS_MAX = 100;

/** Who holds grants: a user by the id of the account, a token by its digest. */
export type Holder = { readonly kind: "user" | "token"; readonly id: string };

/** A role for a cluster or a container that is there. */
export type ScopedGrant = {
  readonly role: string;
  readonly scopeKind: "cluster" | "container";
  readonly scopeId: string;
  readonly scopeName: string;
};

/** What a role is to be held for. */
export type NewGrant = Pick<ScopedGrant, "role" | "scopeKind" | "scopeId">;

/** Roles for clusters and containers. Everything rejects when the database is away. */
export class GrantStore {
  readonly #orm: DatabaseOrm;
  readonly #clock: Clock;

  constructor(orm: DatabaseOrm, clock: Clock) {
    this.#orm = orm;
    this.#clock = clock;
  }

  /** What somebody holds, by scope; what is for something that is gone is left out. */
  async of(holder: Holder): Promise<ScopedGrant[]> {
    return (await this.ofAll(holder.kind, [holder.id])).get(holder.id) ?? [];
  }

  /** The same for several, by their ids; who holds nothing is not in it. */
  async ofAll(kind: Holder["kind"], ids: readonly string[]): Promise<Map<string, ScopedGrant[]>> {
    if (ids.length === 0) return new Map();
    const rows = await this.#orm.em.fork().execute<(ScopedGrant & { readonly holderId: string })[]>(
      `select g.holder_id as "holderId", g.role, g.scope_kind as "scopeKind", g.scope_id as "scopeId", scope.name as "scopeName"
         from role_grant g
         join lateral (select name from cluster where g.scope_kind = 'cluster' and id = g.scope_id
                       union all select name from container where g.scope_kind = 'container' and id = g.scope_id) scope on true
        where g.holder_kind = ? and g.holder_id in (${ids.map(() => "?").join(", ")})
        order by g.scope_kind, scope.name, g.role`,
      [kind, ...ids],
    );
    const byHolder = Map.groupBy(rows, ({ holderId }) => holderId);
    return new Map([...byHolder].map(([id, held]) => [id, held.map(({ holderId: _, ...grant }) => grant)]));
  }

  /** Gives a role for a scope; one that is held already stays as it is. Refusals: invalid_argument (GRANTS_MAX are held). */
  async add(holder: Holder, grant: NewGrant, by: string): Promise<void> {
    await this.#orm.em.fork().transactional((em) => addGrants(em, holder, [grant], by, new Date(this.#clock.wallMs())));
  }

  /** Takes a role for a scope away; resolves with whether it was held. */
  async remove(holder: Holder, grant: NewGrant): Promise<boolean> {
    const where = { holderKind: holder.kind, holderId: holder.id, ...grant };
    return (await this.#orm.em.fork().nativeDelete(RoleGrantEntity, where)) > 0;
  }
}

/**
 * Gives roles within a transaction, and forgets what the holder has for something that is gone. Refusals: invalid_argument (GRANTS_MAX
 * are held).
 */
export async function addGrants(
  em: EntityManager,
  holder: Holder,
  grants: readonly NewGrant[],
  by: string,
  at: Date,
): Promise<void> {
  if (grants.length === 0) return;
  // One after the other for each holder, or two calls could exceed the bound together.
  await em.execute("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`role_grant ${holder.kind} ${holder.id}`]);
  // They cover nothing and are not shown, so nobody could take them away: they must not count either.
  await em.execute(
    `delete from role_grant g where holder_kind = ? and holder_id = ?
        and not exists (select from cluster c where g.scope_kind = 'cluster' and c.id = g.scope_id)
        and not exists (select from container c where g.scope_kind = 'container' and c.id = g.scope_id)`,
    [holder.kind, holder.id],
  );
  for (const { role, scopeKind, scopeId } of grants) {
    await em.execute(
      `insert into role_grant (holder_kind, holder_id, role, scope_kind, scope_id, created_by, created_at)
       values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
      [holder.kind, holder.id, role, scopeKind, scopeId, by, at],
    );
  }
  const held = await em.count(RoleGrantEntity, { holderKind: holder.kind, holderId: holder.id });
  if (held > GRANTS_MAX) {
    const message = `${GRANTS_MAX} roles for clusters and containers are the most that one may hold`;
    throw new Refusal("invalid_argument", message, "take one away first, or give one for a whole cluster", {
      field: "role",
    });
  }
}
