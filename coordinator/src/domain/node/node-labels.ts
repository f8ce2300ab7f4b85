import { Refusal } from "../refusal.ts";

/** What operators say of a node, in their own words: "zone" is "east", "disk" is "nvme". */
export type NodeLabels = Readonly<Record<string, string>>;

/** As many as a node may have. */
export const NODE_LABELS_MAX = 32;

/** What is set replaces a value that is there; what is taken away and not there is no mistake. */
export type LabelChange = {
  readonly set: NodeLabels;
  readonly remove: readonly string[];
};

/** The labels afterwards, by name. Refuses with invalid_argument what would be more than NODE_LABELS_MAX. */
export function labelsAfter(before: NodeLabels, { set, remove }: LabelChange): NodeLabels {
  const both = remove.find((key) => Object.hasOwn(set, key));
  if (both !== undefined) {
    throw new Refusal("invalid_argument", `label ${both} is to be set and taken away at once`, "name it once", {
      field: "remove_labels",
    });
  }
  const gone = new Set(remove);
  const kept = Object.entries(before).filter(([key]) => !gone.has(key) && !Object.hasOwn(set, key));
  const after = [...kept, ...Object.entries(set)].sort(([a], [b]) => (a < b ? -1 : 1));
  if (after.length > NODE_LABELS_MAX) {
    throw new Refusal(
      "invalid_argument",
      `it would have ${after.length} labels, a node has at most ${NODE_LABELS_MAX}`,
      "take others away first",
      { field: "set_labels" },
    );
  }
  return Object.fromEntries(after);
}

/** "disk=nvme, zone=east"; empty for none. */
export function labelsText(labels: NodeLabels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
}
