import { createHash } from "node:crypto";
import type { EggDefinition } from "./egg-definition.ts";

/** One field of an egg that differs; undefined where it is not there. */
export type EggChange = {
  /** Such as `panel.configFiles["a.yml"].parser`. No two fields have the same, whatever an egg calls its own. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
};

/** More changes than this are counted, not told. */
export const CHANGES_MAX = 200;
/** Characters that are told of a text. */
export const TEXT_MAX = 1_000;
/** Characters that are told of a name within a path. */
export const NAME_MAX = 128;

/** Where a field is: the names of those around it, and its own. */
type Place = readonly string[];
type Difference = Omit<EggChange, "path"> & { readonly place: Place };

/** What decides which code runs: told before everything else. */
const RUNS = /^\.(image|images|startup|panel\.(startupCommands|install))$/;

/**
 * What of an egg differs, by field: first what runs, the rest in the order of the fields; `total` counts those that are not told, too.
 * Things that have a name (variables, images) are compared by it, so that one in the middle that goes does not change all that follow.
 * What only follows from another field is left out. Takes time and memory by the size of the eggs, whatever their names are.
 */
export function eggChanges(
  before: EggDefinition,
  after: EggDefinition,
): { readonly changes: readonly EggChange[]; readonly total: number } {
  const all = [...differences(told(before), told(after), [])];
  const ordered = [...all.filter(decidesWhatRuns), ...all.filter((one) => !decidesWhatRuns(one))];
  const changes = ordered.slice(0, CHANGES_MAX).map(({ place, before, after }) => ({
    path: place.join("").replace(/^\./, ""),
    ...excerpts(before, after),
  }));
  return { changes, total: all.length };
}

/** A panel's command says what runs; the command line around it follows from it. */
function told({ startup, ...rest }: EggDefinition): object {
  return rest.panel === undefined ? { startup, ...rest } : rest;
}

function decidesWhatRuns({ place: [first = "", second = ""] }: Difference): boolean {
  return RUNS.test(first) || RUNS.test(first + second);
}

function* differences(before: unknown, after: unknown, place: Place): Generator<Difference> {
  const [one, other] = [textOf(before), textOf(after)];
  if (one !== other) yield { place, before: one, after: other };
  const [old, now] = [partsOf(before), partsOf(after)];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    yield* differences(old.get(name), now.get(name), [...place, name]);
  }
}

/** Undefined for what has parts instead. */
function textOf(value: unknown): string | undefined {
  return value === undefined || (typeof value === "object" && value !== null) ? undefined : String(value);
}

/** What a value is made of, each under its name as paths have it. */
function partsOf(value: unknown): ReadonlyMap<string, unknown> {
  if (Array.isArray(value)) {
    const seen = new Map<string, number>();
    return new Map(
      value.map((item: unknown, index) => {
        const key = nameOf(keyOf(item) ?? String(index));
        const times = (seen.get(key) ?? 0) + 1;
        seen.set(key, times);
        return [`[${times === 1 ? key : `${key} ${times}`}]`, item];
      }),
    );
  }
  if (typeof value !== "object" || value === null) return new Map();
  return new Map(Object.entries(value).map(([key, item]) => [`.${nameOf(key)}`, item]));
}

/** A name that cannot be taken for another one: in quotes where it is no plain word, of a long one the beginning and its digest. */
function nameOf(key: string): string {
  if (key.length > NAME_MAX) {
    const digest = createHash("sha256").update(key, "utf16le").digest("hex");
    return `${JSON.stringify(key.slice(0, NAME_MAX))}…${digest.slice(0, 32)}`;
  }
  return /^\w+$/.test(key) ? key : JSON.stringify(key);
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
