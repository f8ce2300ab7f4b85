import { PATTERN_CHARS_MAX, PATTERN_WEIGHT_MAX, readyLineOf, readyWeight } from "@lormas/wire/line-pattern.ts";
import type { EggDefinition } from "./egg-definition.ts";
import { PANEL_READY_BUDGET_MS, PANEL_START_BUDGET_MS } from "./interchange/panel-defaults.ts";

/** So many lines are waited for at most; of more the first count. */
export const READY_LINES_MAX = 64;

/** The lines that agents can look for. Expressions that weigh too much together with those before them are left out. */
export function usableReadyLines(done: readonly string[]): string[] {
  return readyLineFindings(done)
    .filter(({ problem }) => problem === null)
    .map(({ line }) => line);
}

/** Each line with why it cannot be looked for; null: it can. */
export function readyLineFindings(
  done: readonly string[],
): { readonly line: string; readonly problem: string | null }[] {
  let usable = 0;
  let weightInAll = 0;
  return done.map((line) => {
    const problem = readyLineProblem(line);
    if (problem !== null) return { line, problem };
    if (usable >= READY_LINES_MAX) return { line, problem: `is beyond the first ${READY_LINES_MAX} that can be used` };
    const weight = weightInAll + readyWeight([line]);
    if (weight > PATTERN_WEIGHT_MAX) {
      return { line, problem: `makes the expressions ${weight} steps long together; at most ${PATTERN_WEIGHT_MAX}` };
    }
    [usable, weightInAll] = [usable + 1, weight];
    return { line, problem };
  });
}

/** Why a line by itself cannot be looked for; null: it can. */
function readyLineProblem(line: string): string | null {
  if (line === "") return "is empty";
  if (line.length > PATTERN_CHARS_MAX) return `has ${line.length} characters; at most ${PATTERN_CHARS_MAX}`;
  if (readyLineOf(line) === null) {
    return "is no regular expression, or one with references or lookaround, which would take time without a bound";
  }
  return null;
}

/**
 * Milliseconds that a container of the egg has to start. A panel gives no bound; what says when it is ready gets more than what
 * only has to live, unless the egg says another time.
 */
export function startBudgetOf({ startBudgetMs, panel }: EggDefinition): number {
  const waits = panel !== undefined && usableReadyLines(panel.done).length > 0;
  return waits && startBudgetMs === PANEL_START_BUDGET_MS ? PANEL_READY_BUDGET_MS : startBudgetMs;
}
