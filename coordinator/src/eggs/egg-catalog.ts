import { readEgg, readEggs, type StoredEgg } from "../store/egg-rows.ts";
import type { Database } from "../store/open-database.ts";

/** An egg as the catalogue shows it. */
export type CatalogEgg = StoredEgg;

/** More eggs than this are not listed at once. */
export const EGGS_LISTED_MAX = 1_000;

/** Reads eggs. Rejects when the database does not answer. */
export class EggCatalog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** All eggs by id, the first EGGS_LISTED_MAX. */
  list(): Promise<CatalogEgg[]> {
    return readEggs(this.#database, EGGS_LISTED_MAX);
  }

  /** One egg by its id, null when there is none. */
  find(id: string): Promise<CatalogEgg | null> {
    return readEgg(this.#database, id);
  }
}
