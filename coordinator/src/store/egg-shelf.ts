import type { EntityManager } from "@mikro-orm/postgresql";
import { Refusal } from "../domain/refusal.ts";
import type { EggDefinition } from "../eggs/egg-definition.ts";
import type { EggOrigin } from "../eggs/egg-origin.ts";
import type { Clock } from "../runtime/clock.ts";
import { etagOf, refuseStale } from "../runtime/etag.ts";
import { droppableTransaction } from "./droppable-transaction.ts";
import { rowOf } from "./egg-rows.ts";
import { CategoryEntity, ContainerEntity, EggEntity, EggOriginEntity } from "./entities/workload-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";

/** Eggs that are kept at once; one more is refused. */
export const EGGS_MAX = 5_000;
/** Containers that a refusal names. */
const CONTAINERS_NAMED = 5;

/** An egg to be stored, the document it came from, and the name of its category should that be new. */
export type NewEgg = {
  readonly definition: EggDefinition;
  readonly origin: EggOrigin | null;
  readonly categoryName: string;
};

/** What has become of an egg: its etag, none where nothing was changed, and its category by the name that it has. */
export type StoredEgg = { readonly etag: string; readonly categoryName: string };

/** An egg that another one has taken the place of, or would. */
export type ReplacedEgg = { readonly definition: EggDefinition; readonly etag: string };

/** Stands for an egg as it was stored last. */
export function eggEtag({ id, updatedAt }: { readonly id: string; readonly updatedAt: Date }): string {
  return etagOf([id, updatedAt.getTime()]);
}

/** The eggs that people bring. Everything rejects when the database is away. */
export class EggShelf {
  readonly #orm: DatabaseOrm;
  readonly #clock: Clock;

  constructor(orm: DatabaseOrm, clock: Clock) {
    this.#orm = orm;
    this.#clock = clock;
  }

  /**
   * Stores an egg, and answers what was there before; with `dryRun` only says what would come of it.
   * Refusals: name_taken (the id, without `replace`), egg_built_in, invalid_argument (EGGS_MAX are there), etag_mismatch (`etag`
   * is not empty, and not that of an egg that is there). Of two imports of one id at once the second one sees the first.
   */
  put(
    egg: NewEgg,
    how: { readonly replace: boolean; readonly dryRun: boolean; readonly etag: string },
  ): Promise<{ readonly replaced: ReplacedEgg | null } & StoredEgg> {
    const { definition, origin, categoryName } = egg;
    const { id } = definition;
    return this.#orm.em.fork().transactional(async (em) => {
      if (!how.dryRun) await em.execute("lock table egg in share row exclusive mode");
      const there = await em.findOne(EggEntity, { id }, { disableIdentityMap: true });
      if (there?.builtIn) throw builtIn(id);
      refuseStale(how.etag, there === null ? "none" : eggEtag(there), `egg ${id}`);
      const replaced = there === null ? null : { definition: there.definition, etag: eggEtag(there) };
      if (there !== null && !how.replace) {
        const message = `There is an egg "${id}" already.`;
        throw new Refusal(
          "name_taken",
          message,
          "Take another id, or replace that one: import with replace, or update it.",
          { field: "id" },
        );
      }
      if (there === null && (await em.count(EggEntity)) >= EGGS_MAX) {
        throw new Refusal("invalid_argument", `There are ${EGGS_MAX} eggs already.`, "Remove eggs that nobody uses.");
      }
      if (how.dryRun) return { replaced, etag: "", categoryName };
      const stored = await this.#store(em, { definition, categoryName }, there);
      await em.nativeDelete(EggOriginEntity, { eggId: id });
      if (origin !== null) await em.insert(EggOriginEntity, { eggId: id, ...origin });
      return { replaced, ...stored };
    });
  }

  /**
   * Stores what `edit` makes of an egg, with the document that it came from as it was. `edit` decides alone, on what is there while nothing
   * else changes it; what it throws has changed nothing. With `validateOnly` all of it is taken back. Refusals: not_found, egg_built_in,
   * etag_mismatch.
   */
  edit(
    id: string,
    { etag, validateOnly }: { readonly etag: string; readonly validateOnly: boolean },
    edit: (before: EggDefinition) => Omit<NewEgg, "origin">,
  ): Promise<{ readonly before: EggDefinition; readonly after: EggDefinition } & StoredEgg> {
    return droppableTransaction(this.#orm, validateOnly, async (em) => {
      await em.execute("lock table egg in share row exclusive mode");
      const there = await em.findOne(EggEntity, { id }, { disableIdentityMap: true });
      if (there === null) throw noEgg(id);
      if (there.builtIn) throw builtIn(id);
      refuseStale(etag, eggEtag(there), `egg ${id}`);
      const before = there.definition;
      const egg = edit(before);
      const stored = await this.#store(em, egg, there);
      return { before, after: egg.definition, ...stored, ...(validateOnly ? { etag: "" } : {}) };
    });
  }

  /** The etag is another one than before. A category that nothing is left in is gone. */
  async #store(
    em: EntityManager,
    { definition, categoryName }: Omit<NewEgg, "origin">,
    there: { readonly categoryId: string; readonly updatedAt: Date } | null,
  ): Promise<StoredEgg> {
    const { id, categoryId } = definition;
    const former = there?.categoryId ?? categoryId;
    const updatedAt = new Date(Math.max(this.#clock.wallMs(), (there?.updatedAt.getTime() ?? 0) + 1));
    // A category that is there keeps its name.
    await em.upsert(CategoryEntity, { id: categoryId, name: categoryName }, { onConflictAction: "ignore" });
    await em.upsert(EggEntity, rowOf(definition, { builtIn: false, updatedAt }));
    if (former !== categoryId) await forgetEmpty(em, former);
    const { name } = await em.findOneOrFail(CategoryEntity, { id: categoryId }, { disableIdentityMap: true });
    return { etag: eggEtag({ id, updatedAt }), categoryName: name };
  }

  /** The document that an egg came from; null for one that came from none. */
  async originOf(id: string): Promise<EggOrigin | null> {
    const row = await this.#orm.em.fork().findOne(EggOriginEntity, { eggId: id });
    if (row === null) return null;
    const { format, syntax, text, json } = row;
    return { format, syntax, text, json } as EggOrigin;
  }

  /**
   * Removes an egg, its document, and its category when that was the last one there. Refusals: not_found, egg_built_in, egg_in_use,
   * etag_mismatch.
   * A container that is made of it at the same moment keeps what it needs. With `validateOnly` all of it is taken back.
   */
  async remove(id: string, etag: string, validateOnly: boolean): Promise<void> {
    await droppableTransaction(this.#orm, validateOnly, async (em) => {
      await em.execute("lock table egg in share row exclusive mode");
      const egg = await em.findOne(EggEntity, { id }, { fields: ["id", "builtIn", "categoryId", "updatedAt"] });
      if (egg === null) throw noEgg(id);
      if (egg.builtIn) throw builtIn(id);
      refuseStale(etag, eggEtag(egg), `egg ${id}`);
      const users = await em.find(
        ContainerEntity,
        { eggId: id },
        { fields: ["name"], orderBy: { name: "asc" }, limit: CONTAINERS_NAMED + 1 },
      );
      if (users.length > 0) {
        const names = users.slice(0, CONTAINERS_NAMED).map(({ name }) => name);
        const more = users.length > CONTAINERS_NAMED ? " and more" : "";
        const message = `Egg "${id}" is used by ${names.join(", ")}${more}.`;
        throw new Refusal("egg_in_use", message, "Remove these containers first.", { field: "id" });
      }
      await em.nativeDelete(EggOriginEntity, { eggId: id });
      await em.nativeDelete(EggEntity, { id });
      await forgetEmpty(em, egg.categoryId);
    });
  }
}

/** Removes a category that no egg is in. */
async function forgetEmpty(em: EntityManager, categoryId: string): Promise<void> {
  if ((await em.count(EggEntity, { categoryId })) === 0) await em.nativeDelete(CategoryEntity, { id: categoryId });
}

function noEgg(id: string): Refusal {
  const nextStep = "List the eggs and use one of their ids.";
  return new Refusal("not_found", `There is no egg "${id}".`, nextStep, { field: "id" });
}

function builtIn(id: string): Refusal {
  const message = `Egg "${id}" ships with Lormas.`;
  return new Refusal("egg_built_in", message, "Leave it, or import yours under another id.", { field: "id" });
}
