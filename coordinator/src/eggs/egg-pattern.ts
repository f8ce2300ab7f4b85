import { Script } from "node:vm";

/** Longest value that is held against a pattern. */
export const PATTERN_VALUE_MAX = 1_024;
/** An egg's pattern may be malicious or clumsy and backtrack for ever; what takes longer than this is given up. */
const MATCH_BOUND_MS = 250;

export type PatternOutcome = "matches" | "differs" | "too_slow" | "malformed";

const match = new Script('new RegExp("^(?:" + pattern + ")$", "u").test(value)');

/** Whether the whole value matches the pattern, in bounded time whatever the pattern is. */
export function matchPattern(pattern: string, value: string): PatternOutcome {
  try {
    const context = Object.assign(Object.create(null) as object, { pattern, value });
    return match.runInNewContext(context, { timeout: MATCH_BOUND_MS }) === true ? "matches" : "differs";
  } catch (thrown) {
    const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : "";
    return code === "ERR_SCRIPT_EXECUTION_TIMEOUT" ? "too_slow" : "malformed";
  }
}
