import type { EntityMetadata, EntityName, FilterQuery, QueryOrderMap } from "@mikro-orm/core";
import type { Snapshot } from "./snapshot.ts";
import type { Condition } from "./within-reach.ts";

type Choice<Row, Field> = {
  readonly orderBy?: QueryOrderMap<Row>;
  readonly limit?: number;
  /** These columns alone; all when absent. */
  readonly fields?: readonly Field[];
};

/** What turns a column's value into a property's, for those that need it. */
type Conversion = { readonly property: string; readonly convert: (value: unknown) => unknown };

const knownConversions = new WeakMap<EntityMetadata, readonly Conversion[]>();

/**
 * Rows as plain values with the properties' names and types, through MikroORM's query builder but not its unit of work, which
 * makes an entity of each row, keeps it and compares it at the end: most of the time of a page that is only shown.
 */
export async function readRows<
  Row extends object,
  Field extends Extract<keyof Row, string> = Extract<keyof Row, string>,
>(
  { em }: Snapshot,
  entity: EntityName<Row>,
  where: FilterQuery<NoInfer<Row>>,
  { orderBy = {}, limit, fields }: Choice<Row, Field> = {},
): Promise<Pick<Row, Field>[]> {
  // The driver's own types ask for the entity's class, of which `EntityName<Row>` knows only the rows; what is allowed in
  // `where` and `fields` is checked by this function's signature.
  const rows: Record<string, unknown>[] = await em.getDriver().find(entity, where as never, {
    orderBy,
    ...(limit === undefined ? {} : { limit }),
    ...(fields === undefined ? {} : { fields: fields as never }),
    ctx: em.getTransactionContext(),
  });
  return converted(em, entity, rows) as Pick<Row, Field>[];
}

/** Rows of an entity's table by a condition of our own; `order` is ours, too. */
export async function rowsWhere<Row extends object>(
  { em }: Pick<Snapshot, "em">,
  entity: EntityName<Row>,
  where: Condition,
  order: string,
  limit: number,
): Promise<Row[]> {
  const { tableName } = em.getMetadata().get(entity);
  const raw = await em.execute<Record<string, unknown>[]>(
    `select * from "${tableName}" where ${where.sql} order by ${order} limit ?`,
    [...where.params, limit],
  );
  return rowsFrom(em, entity, raw);
}

/** What a statement of our own has read of an entity's table, as `readRows` gives it; columns of others are dropped. */
export function rowsFrom<Row extends object>(
  em: Snapshot["em"],
  entity: EntityName<Row>,
  raw: readonly Record<string, unknown>[],
): Row[] {
  const meta = em.getMetadata().get(entity);
  const columns = meta.props.flatMap(({ fieldNames }) => fieldNames ?? []);
  const rows = raw.map((one) => {
    const own = Object.fromEntries(columns.map((column) => [column, one[column]]));
    // The driver gives null for what is not there, and each of these is.
    return em.getDriver().mapResult(own as never, meta) as Record<string, unknown>;
  });
  return converted(em, entity, rows) as Row[];
}

/** The driver names properties as the entity does; their columns' types are converted here, in place. */
function converted<Row extends object>(
  em: Snapshot["em"],
  entity: EntityName<Row>,
  rows: Record<string, unknown>[],
): object[] {
  const conversions = conversionsOf(em.getMetadata().get(entity), em);
  for (const row of rows) {
    for (const { property, convert } of conversions) {
      const value = row[property];
      if (value !== undefined && value !== null) row[property] = convert(value);
    }
  }
  return rows;
}

function conversionsOf(meta: EntityMetadata, em: Snapshot["em"]): readonly Conversion[] {
  let known = knownConversions.get(meta);
  if (!known) {
    const platform = em.getPlatform();
    known = meta.props.flatMap(({ name, customType }) =>
      customType ? { property: name, convert: (value: unknown) => customType.convertToJSValue(value, platform) } : [],
    );
    knownConversions.set(meta, known);
  }
  return known;
}
