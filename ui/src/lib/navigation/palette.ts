/** Somewhere to go. */
export type Target = {
  readonly href: string;
  readonly label: string;
  /** What it is: "container", "page". */
  readonly kind: string;
  /** More that it is found by, such as an id or a status; not shown. */
  readonly words: string;
};

/** So many are shown; who looks for another one types more. */
export const FOUND_MAX = 40;

/**
 * The targets in which every word of the query is found, the best first: the name itself, then names that begin so, then names in
 * which a word begins so, then the others; of equals the order stays. An empty query finds the first ones.
 */
export function findTargets(targets: readonly Target[], query: string, foundMax = FOUND_MAX): readonly Target[] {
  const asked = query.trim().toLowerCase();
  const words = asked.split(/\s+/).filter(Boolean);
  const ranked: Target[][] = [[], [], [], []];
  for (const target of targets) {
    const label = target.label.toLowerCase();
    const all = `${label}\n${target.kind}\n${target.words.toLowerCase()}`;
    if (!words.every((word) => all.includes(word))) continue;
    ranked[rank(label, asked)]?.push(target);
  }
  return ranked.flat().slice(0, foundMax);
}

function rank(label: string, asked: string): number {
  if (label === asked) return 0;
  if (label.startsWith(asked)) return 1;
  return label.split(/[^a-z0-9]+/).some((part) => part.startsWith(asked)) ? 2 : 3;
}
