import type { EggDefinition } from "../eggs/egg-definition.ts";
import { CategoryEntity, EggEntity } from "./entities/workload-entities.ts";
import type { Database } from "./open-database.ts";

/** An egg as the catalogue shows it. */
export type StoredEgg = {
  readonly definition: EggDefinition;
  /** The category's id where the category is gone. */
  readonly categoryName: string;
  readonly builtIn: boolean;
};

/** A shelf for eggs. */
export type StoredCategory = { readonly id: string; readonly name: string };

/** Eggs by id, the first eggsMax. */
export async function readEggs(database: Database, eggsMax: number): Promise<StoredEgg[]> {
  const em = database.orm.em.fork();
  const eggs = await em.find(EggEntity, {}, { orderBy: { id: "asc" }, limit: eggsMax });
  const categories = await em.find(CategoryEntity, { id: { $in: [...new Set(eggs.map((egg) => egg.categoryId))] } });
  const names = new Map(categories.map(({ id, name }) => [id, name]));
  return eggs.map(({ definition, categoryId, builtIn }) => {
    return { definition, builtIn, categoryName: names.get(categoryId) ?? categoryId };
  });
}

/** One egg by its id, null when there is none. */
export async function readEgg(database: Database, id: string): Promise<StoredEgg | null> {
  const em = database.orm.em.fork();
  const egg = await em.findOne(EggEntity, { id: { $eq: id } });
  if (egg === null) return null;
  const category = await em.findOne(CategoryEntity, { id: { $eq: egg.categoryId } });
  return { definition: egg.definition, builtIn: egg.builtIn, categoryName: category?.name ?? egg.categoryId };
}

/** Makes or replaces these categories and eggs in one transaction; every other row stays. */
export async function writeEggs(
  database: Database,
  categories: readonly StoredCategory[],
  eggs: readonly EggDefinition[],
  options: { readonly builtIn: boolean; readonly updatedAt: Date },
): Promise<void> {
  const rows = eggs.map((definition) => {
    const { id, categoryId, name, version } = definition;
    return { id, categoryId, name, version, definition, ...options };
  });
  const shelves = categories.map((category) => ({ ...category }));
  await database.orm.em.fork().transactional(async (em) => {
    if (shelves.length > 0) await em.upsertMany(CategoryEntity, shelves);
    if (rows.length > 0) await em.upsertMany(EggEntity, rows);
  });
}
