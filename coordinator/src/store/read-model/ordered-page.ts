import { chosenOrder, type ListOrder } from "./list-filter.ts";
import { momentOf } from "./moment.ts";
import { foreignPageToken, type PageRequest, pageStart } from "./page-token.ts";
import type { Condition } from "./within-reach.ts";

/** How a list is asked for, as its caller writes it; absent or empty: everything, in the list's own order. */
export type ListQuery = { readonly filter?: string; readonly orderBy?: string };

/** A page of a list in an order, with the unique `tie` behind what rows may have in common. */
export type OrderedPage<Row> = {
  /** What its tokens are marked with: one of another order is none of this. */
  readonly list: string;
  readonly order: string;
  /** Where the page starts. */
  readonly after: readonly Condition[];
  readonly keyOf: (row: Row) => readonly string[];
};

/** Refuses an order that the list does not have, and a page token of another list or order. */
export function orderedPage<Row>(
  list: string,
  { orderBy = "", pageToken }: Pick<ListQuery, "orderBy"> & Pick<PageRequest, "pageToken">,
  orders: Readonly<Record<string, ListOrder<Row>>>,
  tie: { readonly sql: string; readonly keyOf: (row: Row) => string },
): OrderedPage<Row> {
  const { name, order, descending } = chosenOrder(orderBy, orders);
  const direction = descending ? "desc" : "asc";
  const marked = name === Object.keys(orders)[0] && !descending ? list : `${list} by ${name} ${direction}`;
  const isTie = order.sql === tie.sql;
  const start = pageStart(marked, pageToken, isTie ? 1 : 2);
  if (start?.[0] !== undefined && !fits(order.type, start[0])) throw foreignPageToken();
  const sign = descending ? "<" : ">";
  const sql = isTie ? `${tie.sql} ${sign} ?` : `(${order.sql}, ${tie.sql}) ${sign} (?::${order.type}, ?)`;
  return {
    list: marked,
    order: isTie ? `${tie.sql} ${direction}` : `${order.sql} ${direction}, ${tie.sql} ${direction}`,
    after: start === null ? [] : [{ sql, params: start }],
    keyOf: (row) => (isTie ? [tie.keyOf(row)] : [order.keyOf(row), tie.keyOf(row)]),
  };
}

function fits(type: ListOrder<never>["type"], value: string): boolean {
  switch (type) {
    case "text":
      return true;
    case "int":
      return /^-?\d{1,9}$/.test(value);
    case "timestamptz":
      return momentOf(value) !== null;
    default:
      return type satisfies never;
  }
}
