import { shortOf } from "./batch/batch-minima.ts";
import { BatchTally } from "./batch/batch-tally.ts";
import { runBatch } from "./batch/run-batch.ts";
import type { SeedResult } from "./batch/seed-result.ts";
import { replayCommand, type SimulateOptions, simulateOptions, USAGE } from "./batch/simulate-options.ts";
import { FAULT_KINDS, faultText } from "./faults/fault.ts";
import { timeline } from "./report/timeline.ts";
import { runStory, type StoryOutcome } from "./story/run-story.ts";
import { shrinkStory } from "./story/shrink-story.ts";

// npm run simulate: plays seeds and says what was promised and not kept. Exit codes: 0 nothing was broken, 1 something was,
// 2 the command line is wrong, 3 too little happened for the batch to count.

const SHRINK = { runsMax: 150, tookMaxMs: 60_000 };
const TIMELINE_LINES = 400;

const options = simulateOptions(process.argv.slice(2));
if ("problem" in options) {
  console.error(`${options.problem}\n\n${USAGE}`);
  process.exit(2);
}
process.exitCode = options.replay ? await replay(options) : await batch(options);

async function replay(wanted: SimulateOptions): Promise<number> {
  const outcome = await runStory({ ...wanted, seed: wanted.from, logged: true });
  tell(wanted, outcome, wanted.keep);
  return outcome.violation === null ? 0 : 1;
}

async function batch(wanted: SimulateOptions): Promise<number> {
  const tally = new BatchTally();
  const beganMs = performance.now();
  await runBatch(wanted, tally);
  console.log(tally.table(performance.now() - beganMs));
  for (const { seed, violation } of tally.violations) {
    console.log(`seed ${seed}: ${violation}\n  again: ${replayCommand(wanted, seed, wanted.keep)}`);
  }
  const [first] = tally.violations;
  if (first) {
    if (!wanted.brief) await explain(wanted, first);
    return 1;
  }
  const whole = wanted.kinds.length === FAULT_KINDS.length && wanted.scenes === null;
  const short = whole ? shortOf(tally.counts, tally.seeds) : [];
  for (const text of short) console.log(`NOT RUN: ${text}`);
  return short.length > 0 ? 3 : 0;
}

/** The shortest schedule that was found for a failure, and what happens in it. */
async function explain(wanted: SimulateOptions, { seed }: SeedResult): Promise<void> {
  const story = { ...wanted, seed, logged: false };
  const { plan } = await runStory(story);
  const endMs = performance.now() + SHRINK.tookMaxMs;
  const keep = await shrinkStory(story, plan.length, {
    runsMax: SHRINK.runsMax,
    enough: () => performance.now() > endMs,
  });
  const shortest = await runStory({ ...story, keep, logged: true });
  tell(wanted, shortest, keep);
}

function tell(wanted: SimulateOptions, outcome: StoryOutcome, keep: readonly number[] | null): void {
  const { seed, lines, plan, violation, digest, events, profile } = outcome;
  console.log(timeline(lines, TIMELINE_LINES));
  console.log(`\nseed ${seed}, profile ${profile}: ${violation ?? "every promise was kept"}`);
  if (keep) {
    console.log(`\n${keep.length} of ${plan.length} faults:`);
    for (const index of keep) if (plan[index]) console.log(`  ${index}: ${faultText(plan[index])}`);
  }
  console.log(`again: ${replayCommand(wanted, seed, keep)}`);
  console.log(`${events} events, sha256 ${digest}`);
}
