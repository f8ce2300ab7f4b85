/**
 * How much a finding matters: note (kept; nothing to do), not_used (kept; Lormas does nothing with it yet), warning (works, but
 * not as the egg's author may expect), error (this cannot be used).
 */
export type FindingLevel = "note" | "not_used" | "warning" | "error";

/** One thing that whoever imports an egg should know. Never holds a variable's value. */
export type EggFinding = {
  readonly level: FindingLevel;
  /** Where in the document: "variables[2].rules"; empty for the whole. */
  readonly path: string;
  readonly message: string;
};

/** More findings than this are counted, not listed. */
export const FINDINGS_MAX = 200;

const WEIGHT: Readonly<Record<FindingLevel, number>> = { error: 0, warning: 1, not_used: 2, note: 3 };

/** The weightiest first, each level in the document's order; at most FINDINGS_MAX, the last of which counts the rest. */
export function reportOf(findings: readonly EggFinding[]): EggFinding[] {
  const sorted = [...findings].sort((left, right) => WEIGHT[left.level] - WEIGHT[right.level]);
  if (sorted.length <= FINDINGS_MAX) return sorted;
  const rest = sorted.length - FINDINGS_MAX + 1;
  return [...sorted.slice(0, FINDINGS_MAX - 1), { level: "note", path: "", message: `and ${rest} findings more` }];
}
