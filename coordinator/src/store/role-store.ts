import type { EntityManager } from "@mikro-orm/postgresql";
import { Refusal } from "../domain/refusal.ts";
import { BUILT_IN_ROLES, type Role, RoleBook, type RoleDefinition } from "../permissions/role.ts";
import { type RoleWish, roleOf } from "../permissions/role-rules.ts";
import type { Clock } from "../runtime/clock.ts";
import { etagOf, refuseStale } from "../runtime/etag.ts";
import { droppableTransaction } from "./droppable-transaction.ts";
import { RoleEntity, SecondFactorDemandEntity } from "./entities/permission-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";

/** Roles of one's own at most; one more is refused. */
export const ROLES_MAX = 100;
/** In proto notation. */
const SECOND_FACTOR = "second_factor_required";
/** Holders that a refusal names. */
const NAMED_MAX = 5;

/** Looks at a role as it is or would be, and throws when the caller may not touch it or make it so. */
export type RoleCheck = (role: Pick<RoleDefinition, "name">, book: RoleBook) => void;

/** How a role is changed. */
export type RoleUpdate = { readonly etag: string; readonly mask: readonly string[]; readonly validateOnly: boolean };

/** Roles of one's own. Everything rejects when the database is away. What only validates does all of it, and takes it back. */
export class RoleStore {
  readonly #orm: DatabaseOrm;
  readonly #clock: Clock;

  constructor(orm: DatabaseOrm, clock: Clock) {
    this.#orm = orm;
    this.#clock = clock;
  }

  /** Every role there is now. */
  async book(): Promise<RoleBook> {
    return bookIn(this.#orm.em.fork());
  }

  /** Those of these roles that demand a second factor of people, themselves or by what they include. */
  async demandingSecondFactor(names: readonly string[]): Promise<string[]> {
    const book = await this.book();
    return [...new Set(names)].filter((name) => book.get(name)?.secondFactorDemanded === true);
  }

  /** A book with at least these roles, where there are such: without a look at the database where all of them ship. */
  async bookOf(names: readonly string[]): Promise<RoleBook> {
    return names.every((name) => name === "" || BUILT_IN_ROLES.get(name) !== null) ? BUILT_IN_ROLES : this.book();
  }

  /**
   * Makes a role; resolves with it. Refusals: name_taken (a role has this name, or somebody still holds one of this name that is gone), invalid_argument
   * (role-rules.ts, or ROLES_MAX are there).
   */
  create(wish: RoleWish, by: string, check: RoleCheck, validateOnly: boolean): Promise<Role> {
    return this.#alone(validateOnly, async (em) => {
      const own = await ownRoles(em);
      const isThere = BUILT_IN_ROLES.get(wish.name) !== null || own.some(({ name }) => name === wish.name);
      if (isThere) throw taken(`there is a role ${wish.name} already`);
      // Or they would get what the new one may by its name alone.
      const holders = await holdersOf(em, wish.name);
      if (holders.length > 0) throw taken(`a role ${wish.name} that is gone is held by ${listed(holders)}`);
      if (own.length >= ROLES_MAX) {
        throw new Refusal("invalid_argument", `${ROLES_MAX} roles are there already`, "remove roles that nobody holds");
      }
      await this.#put(em, wish, own, by, check);
      return storedRole(em, wish.name);
    });
  }

  /**
   * Puts a role in the place of the one of its name; both are checked. Resolves with it. Refusals: not_found, role_built_in (of one that ships, nothing
   * but second_factor_required can be changed, alone), invalid_argument (role-rules.ts), etag_mismatch (`etag` is not empty, and not
   * the role's). `mask`: what of it is changed; empty: all. Without a word on it, a second factor is demanded as before.
   */
  update(given: RoleWish, { etag, mask, validateOnly }: RoleUpdate, by: string, check: RoleCheck): Promise<Role> {
    return this.#alone(validateOnly, async (em) => {
      const own = await ownRoles(em);
      if (mask.join() === SECOND_FACTOR && BUILT_IN_ROLES.get(given.name) !== null) {
        await this.#demand(em, given, { etag, demand: given.secondFactorRequired === true, own }, by, check);
        return storedRole(em, given.name);
      }
      refuseMissing(given.name, own);
      refuseStaleRole(etag, given.name, own);
      const before = own.find(({ name }) => name === given.name);
      const stays = (field: string): boolean => mask.length > 0 && !mask.includes(field);
      const wish = {
        name: given.name,
        description: before && stays("description") ? before.description : given.description,
        includes: before && stays("includes") ? before.includes : given.includes,
        grants: before && stays("grants") ? before.grants : given.grants,
        secondFactorRequired:
          stays(SECOND_FACTOR) || (mask.length === 0 && given.secondFactorRequired === undefined)
            ? before?.secondFactorRequired === true
            : given.secondFactorRequired === true,
      };
      check(wish, new RoleBook(own));
      await this.#put(
        em,
        wish,
        own.filter(({ name }) => name !== wish.name),
        by,
        check,
      );
      return storedRole(em, wish.name);
    });
  }

  /** Removes a role. Refusals: not_found, role_built_in, role_in_use (somebody holds it, or another role includes it), etag_mismatch. */
  remove(name: string, etag: string, check: RoleCheck, validateOnly: boolean): Promise<void> {
    return this.#alone(validateOnly, async (em) => {
      const own = await ownRoles(em);
      refuseMissing(name, own);
      refuseStaleRole(etag, name, own);
      check({ name }, new RoleBook(own));
      const including = own.filter(({ includes }) => includes.includes(name)).map((role) => `role ${role.name}`);
      const holders = [...including, ...(await holdersOf(em, name))];
      if (holders.length > 0) {
        const message = `the role ${name} is in use by ${listed(holders)}`;
        throw new Refusal("role_in_use", message, "take it away from them first", { field: "name" });
      }
      await em.nativeDelete(RoleEntity, { name });
    });
  }

  async #put(
    em: EntityManager,
    wish: RoleWish,
    others: readonly RoleDefinition[],
    by: string,
    check: RoleCheck,
  ): Promise<void> {
    const known = new Map([...BUILT_IN_ROLES.all(), ...others].map((role) => [role.name, role]));
    const role = roleOf(wish, known);
    if ("message" in role) throw new Refusal("invalid_argument", role.message, role.nextStep, { field: role.field });
    check(role, new RoleBook([...others, role]));
    const secondFactorRequired = role.secondFactorRequired === true;
    const changedAt = new Date(this.#clock.wallMs());
    await em.upsert(RoleEntity, { ...role, secondFactorRequired, changedBy: by, changedAt });
  }

  /** Whether a role that ships demands a second factor. */
  async #demand(
    em: EntityManager,
    { name }: Pick<RoleWish, "name">,
    wish: { readonly etag: string; readonly demand: boolean; readonly own: readonly RoleDefinition[] },
    by: string,
    check: RoleCheck,
  ): Promise<void> {
    const demanding = await demandingShipped(em);
    const before = new RoleBook(wish.own, demanding);
    const role = before.get(name);
    if (role !== null) refuseStale(wish.etag, roleEtag(role), `the role ${name}`);
    check({ name }, before);
    if (wish.demand) demanding.add(name);
    else demanding.delete(name);
    check({ name }, new RoleBook(wish.own, demanding));
    const changedAt = new Date(this.#clock.wallMs());
    if (wish.demand) await em.upsert(SecondFactorDemandEntity, { role: name, changedBy: by, changedAt });
    else await em.nativeDelete(SecondFactorDemandEntity, { role: name });
  }

  /** One change of roles after the other, so that two together make no cycle. */
  #alone<T>(validateOnly: boolean, work: (em: EntityManager) => Promise<T>): Promise<T> {
    return droppableTransaction(this.#orm, validateOnly, async (em) => {
      await em.execute("lock table role in share row exclusive mode");
      return work(em);
    });
  }
}

async function bookIn(em: EntityManager): Promise<RoleBook> {
  return new RoleBook(await ownRoles(em), await demandingShipped(em));
}

async function storedRole(em: EntityManager, name: string): Promise<Role> {
  const role = (await bookIn(em)).get(name);
  if (role === null) throw noRole(name);
  return role;
}

async function ownRoles(em: EntityManager): Promise<RoleDefinition[]> {
  const rows = await em.find(RoleEntity, {}, { orderBy: { name: "asc" }, limit: ROLES_MAX, disableIdentityMap: true });
  return rows.map(({ name, description, includes, grants, secondFactorRequired }) => ({
    ...{ name, description, includes, grants, secondFactorRequired },
  }));
}

/** The roles that ship and demand a second factor. */
async function demandingShipped(em: EntityManager): Promise<Set<string>> {
  const rows = await em.find(SecondFactorDemandEntity, {}, { disableIdentityMap: true });
  return new Set(rows.map(({ role }) => role));
}

/** Who holds a role, everywhere or for a part: people by their addresses, tokens by their names; a few of them. */
async function holdersOf(em: EntityManager, role: string): Promise<string[]> {
  const rows = await em.execute<{ holder: string }[]>(
    `select holder from (
       select 'user ' || u.email as holder from auth."user" u
        where u.role = ? or exists (select from role_grant g where g.role = ? and g.holder_kind = 'user' and g.holder_id = u.id)
       union select 'token ' || t.name from api_token t
        where t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
          and (t.role = ? or exists (select from role_grant g where g.role = ? and g.holder_kind = 'token' and g.holder_id = t.token_hash))
     ) held order by holder limit ?`,
    [role, role, role, role, NAMED_MAX + 1],
  );
  return rows.map(({ holder }) => holder);
}

function refuseMissing(name: string, own: readonly RoleDefinition[]): void {
  if (BUILT_IN_ROLES.get(name) !== null) {
    const message = `the role ${name} ships with Lormas: it can neither be removed nor changed, but for the second factor that it demands`;
    throw new Refusal("role_built_in", message, "make one of your own that includes it", { field: "name" });
  }
  if (own.some((role) => role.name === name)) return;
  throw noRole(name);
}

/** Stands for what a role is made of. */
export function roleEtag({ description, includes, grants, secondFactorRequired }: RoleDefinition): string {
  return etagOf([description, includes, grants, ...(secondFactorRequired === true ? [SECOND_FACTOR] : [])]);
}

function refuseStaleRole(etag: string, name: string, own: readonly RoleDefinition[]): void {
  const role = own.find((one) => one.name === name);
  if (role) refuseStale(etag, roleEtag(role), `the role ${name}`);
}

/** The refusal of a role that is not there. */
export function noRole(name: string): Refusal {
  return new Refusal("not_found", `there is no role ${name}`, "list the roles: lormas role ls", { field: "name" });
}

const taken = (message: string): Refusal =>
  new Refusal("name_taken", message, "choose another name", { field: "name" });

function listed(holders: readonly string[]): string {
  return `${holders.slice(0, NAMED_MAX).join(", ")}${holders.length > NAMED_MAX ? " and others" : ""}`;
}
