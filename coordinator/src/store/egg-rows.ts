import type { EggDefinition } from "../eggs/egg-definition.ts";
import { CategoryEntity, EggEntity, EggOriginEntity } from "./entities/workload-entities.ts";
import type { Database } from "./open-database.ts";

/** A shelf for eggs. */
export type StoredCategory = { readonly id: string; readonly name: string };

/** Makes or replaces these categories and eggs in one transaction; every other row stays. */
export async function writeEggs(
  database: Database,
  categories: readonly StoredCategory[],
  eggs: readonly EggDefinition[],
  options: { readonly builtIn: boolean; readonly updatedAt: Date },
): Promise<void> {
  const rows = eggs.map((definition) => rowOf(definition, options));
  const shelves = categories.map((category) => ({ ...category }));
  await database.orm.em.fork().transactional(async (em) => {
    if (shelves.length > 0) await em.upsertMany(CategoryEntity, shelves);
    if (rows.length === 0) return;
    await em.upsertMany(EggEntity, rows);
    // Whatever these ids were before, their documents are gone.
    await em.nativeDelete(EggOriginEntity, { eggId: { $in: rows.map(({ id }) => id) } });
  });
}

/** As long as its column is; the definition has the whole name. */
const NAME_COLUMN_MAX = 128;

/** An egg's row. */
export function rowOf(
  definition: EggDefinition,
  options: { readonly builtIn: boolean; readonly updatedAt: Date },
): { id: string; categoryId: string; name: string; version: string; definition: EggDefinition } & typeof options {
  const { id, categoryId, version } = definition;
  const name = [...definition.name].slice(0, NAME_COLUMN_MAX).join("");
  return { id, categoryId, name, version, definition, ...options };
}
