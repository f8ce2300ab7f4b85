import { covers, PERMISSIONS, type Permission, type PermissionPattern } from "./permission.ts";
import type { RoleDefinition } from "./role.ts";

/** A role as a request writes it. */
export type RoleWish = {
  readonly name: string;
  readonly description: string;
  readonly includes: readonly string[];
  readonly grants: readonly string[];
  readonly secondFactorRequired?: boolean;
};

/** What is wrong with a wish, and what would be right. */
export type RoleProblem = {
  readonly field: "includes" | "grants";
  readonly message: string;
  readonly nextStep: string;
};

const ALL = Object.keys(PERMISSIONS) as readonly Permission[];
/** Near ones that an answer names. */
const NEAR_MAX = 3;

/**
 * The role that a wish means, or what is wrong with it: a permission that there is not, a pattern that covers none, a role that is not
 * there, a role that includes itself in the end. `others` are all roles but the one that is wished.
 */
export function roleOf(wish: RoleWish, others: ReadonlyMap<string, RoleDefinition>): RoleDefinition | RoleProblem {
  const { name, description, secondFactorRequired = false } = wish;
  const grants: PermissionPattern[] = [];
  for (const text of new Set(wish.grants)) {
    if (!isPattern(text)) {
      const message = `there is no permission ${text}, and none that begins so`;
      return { field: "grants", message, nextStep: `near ones: ${nearest(text).join(", ")}; all: lormas auth roles` };
    }
    grants.push(text);
  }
  const includes = [...new Set(wish.includes)];
  for (const included of includes) {
    if (included === name) return cycle([name, name]);
    if (!others.has(included)) {
      const nextStep = `choose of ${[...others.keys()].join(", ")}`;
      return { field: "includes", message: `there is no role ${included}`, nextStep };
    }
    const path = pathTo(name, included, others);
    if (path !== null) return cycle([name, ...path]);
  }
  if (grants.length === 0 && includes.length === 0) {
    return {
      field: "grants",
      message: `the role ${name} would grant nothing`,
      nextStep: "name a permission or a role",
    };
  }
  return { name, description, includes, grants, secondFactorRequired };
}

/** "*", a permission, or "container:*" where something begins so. */
function isPattern(text: string): text is PermissionPattern {
  if (text === "*") return true;
  return ALL.some((one) => covers(text as PermissionPattern, one));
}

/** How a role includes another, over others; null: it does not. */
function pathTo(wanted: string, from: string, all: ReadonlyMap<string, RoleDefinition>): readonly string[] | null {
  const queue: (readonly string[])[] = [[from]];
  const seen = new Set<string>();
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const last = path.at(-1) ?? "";
    if (last === wanted) return path;
    if (seen.has(last)) continue;
    seen.add(last);
    for (const next of all.get(last)?.includes ?? []) queue.push([...path, next]);
  }
  return null;
}

function cycle(path: readonly string[]): RoleProblem {
  const message = `it would include itself: ${path.join(" includes ")}`;
  return { field: "includes", message, nextStep: "leave one of them out" };
}

/** The permissions that are written most alike. */
export function nearest(text: string): Permission[] {
  return [...ALL]
    .map((name) => ({ name, away: distance(text.replace(/\*$/, ""), name) }))
    .sort((a, b) => a.away - b.away || (a.name < b.name ? -1 : 1))
    .slice(0, NEAR_MAX)
    .map(({ name }) => name);
}

/** How many letters must be changed, added or left out to make one text of the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const kept = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(kept, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
