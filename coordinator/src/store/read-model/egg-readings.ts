import { CategoryEntity, type CategoryRow, EggEntity, type EggRow } from "../entities/workload-entities.ts";
import { type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows } from "./read-rows.ts";
import { distinct, type Snapshot } from "./snapshot.ts";

/** An egg and the name of the shelf it stands on. */
export type EggReading = { readonly row: EggRow; readonly categoryName: string };

/** Lists eggs by name; eggs of one name by id. */
export async function listEggs(snapshot: Snapshot, request: PageRequest): Promise<Page<EggReading>> {
  const size = pageSize(request);
  const start = pageStart("eggs", request.pageToken, 2);
  const [name, id] = start ?? [];
  const rows = await readRows(
    snapshot,
    EggEntity,
    name === undefined || id === undefined ? {} : { $or: [{ name: { $gt: name } }, { name, id: { $gt: id } }] },
    { orderBy: { name: "asc", id: "asc" }, limit: size + 1 },
  );
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

/** Every category by name, the first CATEGORIES_MAX. */
export function listCategories(snapshot: Snapshot): Promise<CategoryRow[]> {
  return readRows(snapshot, CategoryEntity, {}, { orderBy: { name: "asc", id: "asc" }, limit: CATEGORIES_MAX });
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
