import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Egg, EggSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";

/** One field of an egg that differs; undefined where it is not there. */
export type EggChange = {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
};

/** More are not shown one by one. */
export const CHANGES_MAX = 200;

/** What follows from another field. */
const UNSEEN = new Set(["categoryId"]);

/**
 * What of an egg differs after an import, by field, in the order of the fields. Things that have a name (variables, images) are
 * compared by it, so that one in the middle that goes does not change all that follow.
 */
export function eggChanges(before: Egg, after: Egg): readonly EggChange[] {
  const old = new Map(leaves(toJson(EggSchema, before), ""));
  const now = new Map(leaves(toJson(EggSchema, after), ""));
  const paths = new Set([...old.keys(), ...now.keys()]);
  return [...paths]
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }))
    .filter((change) => change.before !== change.after && !UNSEEN.has(change.path));
}

function* leaves(value: JsonValue, path: string): Generator<[path: string, text: string]> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* leaves(item, `${path}[${keyOf(item) ?? index}]`);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, item] of Object.entries(value)) yield* leaves(item, path === "" ? name : `${path}.${name}`);
  } else yield [path, String(value)];
}

function keyOf(item: JsonValue): string | undefined {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return undefined;
  const key = item["name"] ?? item["path"];
  return typeof key === "string" && key !== "" ? key : undefined;
}
