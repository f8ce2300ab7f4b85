import { CategoryEntity, type CategoryRow, EggEntity, type EggRow } from "../entities/workload-entities.ts";
import { type FilterFields, filterConditions } from "./list-filter.ts";
import { type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows, rowsWhere } from "./read-rows.ts";
import { distinct, type Snapshot } from "./snapshot.ts";
import { all, type Condition } from "./within-reach.ts";

/** An egg and the name of the shelf it stands on. */
export type EggReading = { readonly row: EggRow; readonly categoryName: string };

/** What eggs are filtered by. */
const FILTERS: FilterFields = {
  id: { kind: "text", sql: "egg.id" },
  name: { kind: "text", sql: "egg.name" },
  category: { kind: "text", sql: "egg.category_id" },
  category_name: { kind: "text", sql: "(select category.name from category where category.id = egg.category_id)" },
  version: { kind: "text", sql: "egg.version" },
  built_in: { kind: "word", sql: "egg.built_in", words: { true: true, false: false } },
};

/** Lists eggs by name; eggs of one name by id. Refuses a filter that is none. */
export async function listEggs(
  snapshot: Snapshot,
  request: PageRequest & { readonly filter?: string },
): Promise<Page<EggReading>> {
  const size = pageSize(request);
  const start = pageStart("eggs", request.pageToken, 2);
  const where = all([
    ...filterConditions(request.filter ?? "", FILTERS),
    ...(start === null ? [] : [{ sql: "(egg.name, egg.id) > (?, ?)", params: start }]),
  ]);
  const rows = await rowsWhere(snapshot, EggEntity, where, "egg.name, egg.id", size + 1);
  const page = toPage("eggs", rows, size, (row) => [row.name, row.id]);
  return { ...page, rows: await complete(snapshot, page.rows) };
}

/** One egg by its id; null when there is none. */
export async function eggById(snapshot: Snapshot, id: string): Promise<EggReading | null> {
  const row = await snapshot.em.findOne(EggEntity, { id }, { disableIdentityMap: true });
  return row === null ? null : ((await complete(snapshot, [row]))[0] ?? null);
}

/** More categories than this are not listed. */
const CATEGORIES_MAX = 1_000;

/** A category and how many eggs are in it. */
export type CategoryReading = CategoryRow & { readonly eggCount: number };

/** Every category by name, the first CATEGORIES_MAX. */
export function listCategories(snapshot: Snapshot): Promise<CategoryReading[]> {
  return readCategories(snapshot, { sql: "true", params: [] }, CATEGORIES_MAX);
}

/** A page of the categories by name; categories of one name by id. */
export async function categoryPage(snapshot: Snapshot, request: PageRequest): Promise<Page<CategoryReading>> {
  const size = pageSize(request);
  const start = pageStart("egg-categories", request.pageToken, 2);
  const where = start === null ? { sql: "true", params: [] } : { sql: "(name, id) > (?, ?)", params: start };
  const rows = await readCategories(snapshot, where, size + 1);
  return toPage("egg-categories", rows, size, ({ name, id }) => [name, id]);
}

function readCategories({ em }: Snapshot, where: Condition, limit: number): Promise<CategoryReading[]> {
  return em.execute<CategoryReading[]>(
    `select id, name, (select count(*)::int from egg where egg.category_id = category.id) as "eggCount"
       from category where ${where.sql} order by name, id limit ?`,
    [...where.params, limit],
  );
}

/** The category that has this id, or this name; null when there is none. */
export async function findCategory(snapshot: Snapshot, named: string): Promise<CategoryRow | null> {
  const rows = await readRows(snapshot, CategoryEntity, { $or: [{ id: named }, { name: named }] }, { limit: 2 });
  return rows.find(({ id }) => id === named) ?? rows[0] ?? null;
}

async function complete(snapshot: Snapshot, rows: readonly EggRow[]): Promise<EggReading[]> {
  if (rows.length === 0) return [];
  const categories = await readRows(snapshot, CategoryEntity, {
    id: { $in: distinct(rows.map((row) => row.categoryId)) },
  });
  const nameOf = new Map(categories.map((category) => [category.id, category.name]));
  return rows.map((row) => ({ row, categoryName: nameOf.get(row.categoryId) ?? row.categoryId }));
}
