import type { NodeLabels } from "../node/node-labels.ts";

/** One demand on the labels of a node, as it was read; `values` is empty for exists and not_exists. */
export type LabelConstraint = {
  readonly key: string;
  readonly operator: "in" | "not_in" | "exists" | "not_exists";
  readonly values: readonly string[];
};

/** As many as a container may have. */
export const CONSTRAINTS_MAX = 16;
/** Longest text of one. */
export const CONSTRAINT_CHARS_MAX = 512;
/** Values that one may name. */
export const CONSTRAINT_VALUES_MAX = 16;

export type ReadConstraint =
  | { readonly ok: true; readonly constraint: LabelConstraint }
  | { readonly ok: false; readonly reason: string };

// Keys and values as labels of nodes have them.
const NAME = "[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?";
const COMPARED = new RegExp(`^(${NAME})\\s*(==|=|!=)\\s*((?:${NAME})?)$`);
const LISTED = new RegExp(`^(${NAME})\\s+(not\\s+)?in\\s*\\(([^()]*)\\)$`);
const PRESENT = new RegExp(`^(${NAME})\\s+(not\\s+)?exists$`);
const VALUE = new RegExp(`^${NAME}$`);
const FORMS = "write zone=a, zone!=a, zone in (a, b), zone not in (a, b), gpu exists or gpu not exists";

/**
 * Reads one constraint: `key=value` (also ==), `key!=value`, `key in (value, …)`, `key not in (value, …)`, `key exists`,
 * `key not exists`. A value may be empty behind = and != alone. What is no constraint gets the reason.
 */
export function readConstraint(text: string): ReadConstraint {
  const given = text.trim();
  if (given.length > CONSTRAINT_CHARS_MAX) {
    return { ok: false, reason: `it has ${given.length} characters, at most ${CONSTRAINT_CHARS_MAX} are read` };
  }
  const compared = COMPARED.exec(given);
  if (compared) {
    const [, key = "", sign, value = ""] = compared;
    return { ok: true, constraint: { key, operator: sign === "!=" ? "not_in" : "in", values: [value] } };
  }
  const listed = LISTED.exec(given);
  if (listed) return readList(listed[1] ?? "", listed[2] === undefined ? "in" : "not_in", listed[3] ?? "");
  const present = PRESENT.exec(given);
  if (present) {
    const operator = present[2] === undefined ? "exists" : "not_exists";
    return { ok: true, constraint: { key: present[1] ?? "", operator, values: [] } };
  }
  return { ok: false, reason: `it is none that is known: ${FORMS}` };
}

function readList(key: string, operator: "in" | "not_in", list: string): ReadConstraint {
  const values = [...new Set(list.split(",").map((value) => value.trim()))];
  const wrong = values.find((value) => !VALUE.test(value));
  if (wrong !== undefined) {
    const named = wrong === "" ? "an empty value" : `"${wrong}", which no label can have,`;
    return { ok: false, reason: `its list names ${named} between the brackets` };
  }
  if (values.length > CONSTRAINT_VALUES_MAX) {
    return { ok: false, reason: `its list names ${values.length} values, at most ${CONSTRAINT_VALUES_MAX} are read` };
  }
  return { ok: true, constraint: { key, operator, values } };
}

/** As readConstraint reads it again: `zone=a`, `zone not in (a, b)`. */
export function constraintText({ key, operator, values }: LabelConstraint): string {
  const [first = ""] = values;
  const list = `(${values.join(", ")})`;
  switch (operator) {
    case "in":
      return values.length === 1 ? `${key}=${first}` : `${key} in ${list}`;
    case "not_in":
      return values.length === 1 ? `${key}!=${first}` : `${key} not in ${list}`;
    case "exists":
      return `${key} exists`;
    case "not_exists":
      return `${key} not exists`;
    default:
      return operator satisfies never;
  }
}

/** Whether labels satisfy it. A node without the label has no value: `!=` and `not in` hold for it. */
export function satisfies(labels: NodeLabels, { key, operator, values }: LabelConstraint): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "in":
      return value !== undefined && values.includes(value);
    case "not_in":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "not_exists":
      return value === undefined;
    default:
      return operator satisfies never;
  }
}
