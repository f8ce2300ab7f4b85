import type { DescMessage, JsonObject, Message } from "@bufbuild/protobuf";
import { bounded, maskedWhole } from "./masked-json.ts";

/** What is measured or derived rather than changed by anybody. */
const NOT_CHANGED_BY_CALLS: ReadonlySet<string> = new Set([
  "allocated",
  "blockerCount",
  "blockers",
  "mustEnrolAgain",
  "mustEnrolAgainCount",
  "nodeCount",
  "trustingCount",
  "usingCount",
  "asOf",
  "decision",
  "failoverBound",
  "failoverBoundMs",
  "group",
  "healthyNodeCount",
  "lastHeartbeat",
  "lastUsedAt",
  "steps",
  "suspension",
  "usage",
]);

/** An object before and after a call; null where it was not there. */
export type Change = { readonly before: JsonObject | null; readonly after: JsonObject | null };

/**
 * The fields that differ between two messages of one kind, masked; all of the one where the other is null. A secret that
 * changed looks the same on both sides, and so does not show.
 */
export function whatChanged(schema: DescMessage, before: Message | null, after: Message | null): Change {
  const [from, to] = [before, after].map((message) => message && relevant(maskedWhole(schema, message)));
  if (!from || !to) return { before: from ? bounded(from) : null, after: to ? bounded(to) : null };
  const differing = [...new Set([...Object.keys(from), ...Object.keys(to)])].filter(
    (key) => JSON.stringify(from[key]) !== JSON.stringify(to[key]),
  );
  return { before: bounded(only(from, differing)), after: bounded(only(to, differing)) };
}

function relevant(object: JsonObject): JsonObject {
  return only(
    object,
    Object.keys(object).filter((key) => !NOT_CHANGED_BY_CALLS.has(key)),
  );
}

function only(object: JsonObject, keys: readonly string[]): JsonObject {
  // An empty field is not in the JSON of a message; here its absence says that it was empty.
  return Object.fromEntries(keys.flatMap((key) => (object[key] === undefined ? [] : [[key, object[key]]])));
}
