import type { Clock } from "../runtime/clock.ts";
import { writeEggs } from "../store/egg-rows.ts";
import type { Database } from "../store/open-database.ts";
import { BUILT_IN_CATEGORIES, BUILT_IN_EGGS } from "./built-in-eggs.ts";

/**
 * Brings the built-in categories and eggs to what this release ships; everything of others' making stays. Containers keep
 * the spec they were made with. Safe to run from several coordinators at once.
 */
export function seedEggs(database: Database, clock: Clock): Promise<void> {
  const updatedAt = new Date(clock.wallMs());
  return writeEggs(database, BUILT_IN_CATEGORIES, BUILT_IN_EGGS, { builtIn: true, updatedAt });
}
