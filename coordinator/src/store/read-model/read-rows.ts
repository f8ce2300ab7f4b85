import type { EntityMetadata, EntityName, FilterQuery, QueryOrderMap } from "@mikro-orm/core";
import type { Snapshot } from "./snapshot.ts";

type Choice<Row, Field> = {
  readonly orderBy?: QueryOrderMap<Row>;
  readonly limit?: number;
  /** These columns alone; all when absent. */
  readonly fields?: readonly Field[];
};

/** What turns a column's value into a property's, for those that need it. */
type Conversion = { readonly property: string; readonly convert: (value: unknown) => unknown };

const conversions = new WeakMap<EntityMetadata, readonly Conversion[]>();

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
  const rows: Record<string, unknown>[] = await em.getDriver().find(entity, where as never, {
    orderBy,
    ...(limit === undefined ? {} : { limit }),
    ...(fields === undefined ? {} : { fields: fields as never }),
    ctx: em.getTransactionContext(),
  });
  const converted = conversionsOf(em.getMetadata().get(entity), em);
  for (const row of rows) {
    for (const { property, convert } of converted) {
      const value = row[property];
      if (value !== undefined && value !== null) row[property] = convert(value);
    }
  }
  // The driver names properties as the entity does, and its columns' types are converted above.
  return rows as Pick<Row, Field>[];
}

function conversionsOf(meta: EntityMetadata, em: Snapshot["em"]): readonly Conversion[] {
  let known = conversions.get(meta);
  if (!known) {
    const platform = em.getPlatform();
    known = meta.props.flatMap(({ name, customType }) =>
      customType ? { property: name, convert: (value: unknown) => customType.convertToJSValue(value, platform) } : [],
    );
    conversions.set(meta, known);
  }
  return known;
}
