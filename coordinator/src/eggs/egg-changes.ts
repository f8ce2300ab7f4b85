import type { EggDefinition } from "./egg-definition.ts";

/** One field of an egg that differs; undefined where it is not there. */
export type EggChange = {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
};

/** More changes than this are not told. */
export const CHANGES_MAX = 200;
/** Characters that are told of a text. */
export const TEXT_MAX = 1_000;

/**
 * What of an egg differs, by field, in the order of the fields. Things that have a name (variables, images) are compared by it, so that
 * one in the middle that goes does not change all that follow. What only follows from another field is left out.
 */
export function eggChanges(before: EggDefinition, after: EggDefinition): readonly EggChange[] {
  const old = new Map(leaves(told(before), ""));
  const now = new Map(leaves(told(after), ""));
  const paths = new Set([...old.keys(), ...now.keys()]);
  return [...paths]
    .filter((path) => old.get(path) !== now.get(path))
    .slice(0, CHANGES_MAX)
    .map((path) => ({ path, ...excerpts(old.get(path), now.get(path)) }));
}

/** A panel's command says what runs; the command line around it follows from it. */
function told({ startup, ...rest }: EggDefinition): object {
  return rest.panel === undefined ? { startup, ...rest } : rest;
}

function* leaves(value: unknown, path: string): Generator<[path: string, text: string]> {
  if (Array.isArray(value)) {
    const seen = new Map<string, number>();
    for (const [index, item] of value.entries()) {
      const key = keyOf(item) ?? String(index);
      const times = (seen.get(key) ?? 0) + 1;
      seen.set(key, times);
      yield* leaves(item, `${path}[${times === 1 ? key : `${key} ${times}`}]`);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [name, item] of Object.entries(value)) yield* leaves(item, path === "" ? name : `${path}.${name}`);
  } else if (value !== undefined) yield [path, String(value)];
}

/** What tells a thing of a list from the others. */
function keyOf(item: unknown): string | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  const { name, path, match, ifValue } = item as Readonly<Record<string, unknown>>;
  const key = [name, path, match, ifValue].find((one) => typeof one === "string" && one !== "");
  return typeof key === "string" ? key : undefined;
}

/** Both texts, of long ones a part from the line on in which they begin to differ. */
function excerpts(before: string | undefined, after: string | undefined): Omit<EggChange, "path"> {
  if ((before ?? "").length <= TEXT_MAX && (after ?? "").length <= TEXT_MAX) return { before, after };
  const [one, other] = [before ?? "", after ?? ""];
  let same = 0;
  while (same < Math.min(one.length, other.length) && one[same] === other[same]) same += 1;
  const line = one.lastIndexOf("\n", same - 1) + 1;
  // The line itself may be long.
  const start = Math.max(line, same - TEXT_MAX / 2);
  const part = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : text.slice(start, start + TEXT_MAX).toWellFormed();
  return { before: part(before), after: part(after) };
}
