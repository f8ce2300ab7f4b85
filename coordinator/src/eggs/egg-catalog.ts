import { CategoryEntity, EggEntity } from "../store/entities/workload-entities.ts";
import type { Database } from "../store/open-database.ts";
import type { EggDefinition } from "./egg-definition.ts";

/** An egg as the catalogue shows it. */
export type CatalogEgg = {
  readonly definition: EggDefinition;
  readonly categoryName: string;
  readonly builtIn: boolean;
};

/** More eggs than this are not listed at once. */
export const EGGS_LISTED_MAX = 1_000;

/** Reads eggs. Rejects when the database does not answer. */
export class EggCatalog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** All eggs by id, the first EGGS_LISTED_MAX. */
  async list(): Promise<CatalogEgg[]> {
    const em = this.#database.orm.em.fork();
    const eggs = await em.find(EggEntity, {}, { orderBy: { id: "asc" }, limit: EGGS_LISTED_MAX });
    const categories = await em.find(CategoryEntity, {});
    const names = new Map(categories.map(({ id, name }) => [id, name]));
    return eggs.map(({ definition, categoryId, builtIn }) => {
      return { definition, builtIn, categoryName: names.get(categoryId) ?? categoryId };
    });
  }

  /** One egg by its id, null when there is none. */
  async find(id: string): Promise<CatalogEgg | null> {
    const em = this.#database.orm.em.fork();
    const egg = await em.findOne(EggEntity, { id: { $eq: id } });
    if (egg === null) return null;
    const category = await em.findOne(CategoryEntity, { id: { $eq: egg.categoryId } });
    return { definition: egg.definition, builtIn: egg.builtIn, categoryName: category?.name ?? egg.categoryId };
  }
}
