import type { Clock } from "../runtime/clock.ts";
import { CategoryEntity, EggEntity } from "../store/entities/workload-entities.ts";
import type { Database } from "../store/open-database.ts";
import { BUILT_IN_CATEGORIES, BUILT_IN_EGGS } from "./built-in-eggs.ts";

/**
 * Brings the built-in categories and eggs to what this release ships; everything of others' making stays. Containers keep
 * the spec they were made with. Safe to run from several coordinators at once.
 */
export async function seedEggs(database: Database, clock: Clock): Promise<void> {
  const updatedAt = new Date(clock.wallMs());
  await database.orm.em.fork().transactional(async (em) => {
    await em.upsertMany(
      CategoryEntity,
      BUILT_IN_CATEGORIES.map((category) => ({ ...category })),
    );
    const rows = BUILT_IN_EGGS.map((definition) => {
      const { id, categoryId, name, version } = definition;
      return { id, categoryId, name, version, builtIn: true, definition, updatedAt };
    });
    await em.upsertMany(EggEntity, rows);
  });
}
