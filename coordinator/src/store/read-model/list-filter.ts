import { Refusal } from "../../domain/refusal.ts";
import { isPlain } from "./lookup.ts";
import { momentOf } from "./moment.ts";
import type { Condition } from "./within-reach.ts";

/** Longest filter, characters, and comparisons in one. */
export const FILTER_LENGTH_MAX = 1_000;
export const FILTER_TERMS_MAX = 16;

/**
 * What a list can be filtered by. `sql` is an expression of ours; what a caller writes travels as a parameter and nowhere else.
 * word: one of a few, compared by = and !=. text: = and !=, and ":" for "contains", whatever the case. moment: = != < <= > >=, as
 * RFC 3339 writes it, or a date alone. labels: `NAME.key`, compared as a text.
 */
export type FilterField =
  | { readonly kind: "word"; readonly sql: string; readonly words: Readonly<Record<string, unknown>> }
  | { readonly kind: "text" | "moment" | "labels"; readonly sql: string };

export type FilterFields = Readonly<Record<string, FilterField>>;

const TERM =
  /^\s*([a-z_]{1,32})(?:\.([A-Za-z0-9._/-]{1,63}))?\s*(!=|<=|>=|=|<|>|:)\s*(?:"((?:[^"\\]|\\["\\]){0,256})"|([A-Za-z0-9._:+/@-]{1,256}))\s*/;
const AND = /^AND(?=\s)/;

/**
 * Reads a filter, comparisons joined by AND: `status = running AND name : "web"`. Refuses, naming what is wrong and what would be
 * right. An empty one asks for everything.
 */
export function filterConditions(filter: string, fields: FilterFields): Condition[] {
  if (filter.trim() === "") return [];
  if (filter.length > FILTER_LENGTH_MAX) throw unusable(`it has more than ${FILTER_LENGTH_MAX} characters`, fields);
  const conditions: Condition[] = [];
  for (let rest = filter; ; ) {
    if (conditions.length === FILTER_TERMS_MAX)
      throw unusable(`it has more than ${FILTER_TERMS_MAX} comparisons`, fields);
    const term = TERM.exec(rest);
    if (term === null) throw unusable(`${shown(rest)} is no comparison`, fields);
    const [all, name = "", key = null, operator = "", quoted, bare = ""] = term;
    const value = quoted === undefined ? bare : quoted.replace(/\\(.)/g, "$1");
    conditions.push(condition(name, key, operator, value, fields));
    rest = rest.slice(all.length);
    if (rest === "") return conditions;
    if (!AND.test(rest)) throw unusable(`${shown(rest)} stands where AND should`, fields);
    rest = rest.slice(3);
  }
}

function condition(name: string, key: string | null, operator: string, value: string, fields: FilterFields): Condition {
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field === undefined) throw unusable(`there is nothing called ${name} to filter by`, fields);
  if ((field.kind === "labels") !== (key !== null)) {
    throw unusable(field.kind === "labels" ? `${name} wants a key: ${name}.zone` : `${name} has no parts`, fields);
  }
  // What PostgreSQL cannot hold nothing is called by.
  if (!isPlain(value)) throw unusable(`the value of ${name} has control characters`, fields);
  switch (field.kind) {
    case "word": {
      if (!Object.hasOwn(field.words, value.toLowerCase())) {
        throw unusable(`${name} is one of ${Object.keys(field.words).join(", ")}, not ${shown(value)}`, fields);
      }
      return compared(name, field.sql, operator, ["=", "!="], [field.words[value.toLowerCase()]], fields);
    }
    case "text":
      if (operator === ":") return { sql: `strpos(lower(${field.sql}), lower(?)) > 0`, params: [value] };
      return compared(name, `coalesce(${field.sql}, '')`, operator, ["=", "!="], [value], fields);
    case "labels":
      if (operator === ":")
        return { sql: `strpos(lower(${field.sql} ->> ?::text), lower(?)) > 0`, params: [key, value] };
      return compared(name, `coalesce(${field.sql} ->> ?::text, '')`, operator, ["=", "!="], [key, value], fields);
    case "moment": {
      const at = momentOf(value);
      if (at === null) throw unusable(`${shown(value)} is no moment such as 2026-11-30T18:00:00Z`, fields);
      return compared(name, field.sql, operator, ["=", "!=", "<", "<=", ">", ">="], [at], fields);
    }
    default:
      return field satisfies never;
  }
}

function compared(
  name: string,
  sql: string,
  operator: string,
  allowed: readonly string[],
  params: readonly unknown[],
  fields: FilterFields,
): Condition {
  if (!allowed.includes(operator))
    throw unusable(`${name} is compared by ${allowed.join(" ")}, not ${operator}`, fields);
  return { sql: `${sql} ${operator} ?`, params };
}

function unusable(reason: string, fields: FilterFields): Refusal {
  const names = Object.keys(fields).join(", ");
  return new Refusal(
    "invalid_argument",
    `filter: ${reason}.`,
    `Write comparisons joined by AND, such as name = "web"; to filter by: ${names}.`,
    { field: "filter" },
  );
}

const shown = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

/** One way to order a list: an expression of ours, and what of it a page's token keeps of a row. */
export type ListOrder<Row> = {
  readonly sql: string;
  readonly type: "text" | "timestamptz" | "int";
  readonly keyOf: (row: Row) => string;
};

/** An order as asked for: "name", "created_at desc"; empty: the first of them, ascending. Refuses any other. */
export function chosenOrder<Row>(
  orderBy: string,
  orders: Readonly<Record<string, ListOrder<Row>>>,
): { readonly name: string; readonly order: ListOrder<Row>; readonly descending: boolean } {
  const [, asked = "", direction = "asc"] = /^\s*(?:([a-z_]{1,32})(?:\s+(asc|desc))?)?\s*$/.exec(orderBy) ?? [
    null,
    "?",
  ];
  const name = asked === "" ? (Object.keys(orders)[0] ?? "") : asked;
  const order = Object.hasOwn(orders, name) ? orders[name] : undefined;
  if (order !== undefined) return { name, order, descending: direction === "desc" };
  const all = Object.keys(orders).join(", ");
  throw new Refusal(
    "invalid_argument",
    `order_by: ${shown(orderBy)} is no order of this list.`,
    `Use one of ${all}, with "desc" behind it or not.`,
    {
      field: "order_by",
    },
  );
}
