import { randomBytes, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { PROFILE_CHECKS } from "./profiles.ts";
import { suiteArguments, USAGE } from "./suite-arguments.ts";
import { SuiteClock } from "./suite-clock.ts";
import { type CheckOutcome, runSuite } from "./suite-run.ts";

// npm run conformance: holds an agent against the protocol (docs/agent-protocol.md). USAGE says what it takes and answers.

const outcome = suiteArguments(process.argv.slice(2), (profile) => PROFILE_CHECKS[profile].map(({ name }) => name));
if ("help" in outcome) {
  console.log(USAGE);
  process.exit(0);
}
if ("problem" in outcome) {
  console.error(`conformance: ${outcome.problem}`);
  process.exit(2);
}
if (process.platform !== "linux") {
  console.error("conformance: the suite looks at processes by /proc: run it on Linux");
  process.exit(2);
}
const { agent, profile, json, only, lanes } = outcome.arguments;
const checks = PROFILE_CHECKS[profile].filter(({ name }) => only.length === 0 || only.includes(name));
const ending = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => ending.abort());

console.log(`${checks.length + 1} checks of the profile ${profile} for: ${agent}`);
const outcomes = await runSuite({
  command: agent,
  checks,
  lanes,
  clock: new SuiteClock(),
  random: { bytes: (count) => randomBytes(count), uuid: () => randomUUID() },
  told: tell,
  signal: ending.signal,
});
const failed = outcomes.filter(({ passed }) => !passed).length;
console.log(`${outcomes.length - failed} passed, ${failed} failed`);
if (json !== null) writeFileSync(json, `${JSON.stringify({ agent, profile, checks: outcomes }, null, 2)}\n`);
process.exit(failed === 0 && !ending.signal.aborted ? 0 : 1);

function tell({ name, source, promise, passed, reason, tookMs }: CheckOutcome): void {
  console.log(`${passed ? "ok    " : "FAILED"} ${name.padEnd(44)} ${(tookMs / 1_000).toFixed(1)} s`);
  if (!passed) console.log(`         promised: ${promise} (${source})\n         seen: ${reason}`);
}
