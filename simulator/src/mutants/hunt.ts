// Loaded after load-mutant.ts: plays seeds on the mutated code until a promise is broken, and tells of it as one line of JSON.
// Arguments: FIRST_SEED SEEDS.
import { FAULT_KINDS } from "../faults/fault.ts";
import { runStory } from "../story/run-story.ts";
import { mutantNamed } from "./all-mutants.ts";
import type { HuntOutcome } from "./hunt-outcome.ts";

const [from = 1, seeds = 2_000] = process.argv.slice(2).map(Number);
const { ground } = mutantNamed(process.env["LORMAS_MUTANT"] ?? "");
let outcome: HuntOutcome = { caughtBy: null, seed: null, played: seeds };
for (let seed = from; seed < from + seeds; seed += 1) {
  const { violation } = await runStory({
    seed,
    nodes: 5,
    profile: "random",
    kinds: FAULT_KINDS,
    scenes: null,
    lasting: null,
    logged: false,
    keep: null,
    ...ground,
  });
  if (violation === null) continue;
  outcome = { caughtBy: violation, seed, played: seed - from + 1 };
  break;
}
process.stdout.write(`${JSON.stringify(outcome)}\n`);
