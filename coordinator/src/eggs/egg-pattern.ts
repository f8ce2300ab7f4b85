import { Script } from "node:vm";

/** Longest value that is held against a pattern. */
export const PATTERN_VALUE_MAX = 1_024;
/** An egg's pattern may be malicious or clumsy and backtrack for ever; what takes longer than this is given up. */
const MATCH_BOUND_MS = 250;
/** On a full machine that time may pass without much of a core: then it is tried again, so often at most. */
const TRIES_MAX = 4;

export type PatternOutcome = "matches" | "differs" | "too_slow" | "malformed";

const match = new Script("new RegExp(source, flags).test(value)");

/** Whether the whole value matches the pattern, in bounded time whatever the pattern is. */
export function matchPattern(pattern: string, value: string): PatternOutcome {
  return searchPattern({ source: `^(?:${pattern})$`, flags: "u" }, value);
}

/** Whether the pattern is found anywhere in the value, in the same time. */
export function searchPattern(
  pattern: { readonly source: string; readonly flags: string },
  value: string,
): PatternOutcome {
  for (let tries = 1; ; tries += 1) {
    const before = process.threadCpuUsage();
    const outcome = tryMatch(pattern, value);
    const { user, system } = process.threadCpuUsage(before);
    const hadItsTime = (user + system) / 1_000 >= MATCH_BOUND_MS / 2;
    if (outcome !== "too_slow" || hadItsTime || tries === TRIES_MAX) return outcome;
  }
}

function tryMatch(pattern: { readonly source: string; readonly flags: string }, value: string): PatternOutcome {
  try {
    const context = Object.assign(Object.create(null) as object, { ...pattern, value });
    return match.runInNewContext(context, { timeout: MATCH_BOUND_MS }) === true ? "matches" : "differs";
  } catch (thrown) {
    const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : "";
    return code === "ERR_SCRIPT_EXECUTION_TIMEOUT" ? "too_slow" : "malformed";
  }
}
