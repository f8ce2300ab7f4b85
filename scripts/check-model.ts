// npm run model: asks spin every question of model-questions.ts about the models in docs/model. One line each, with states
// and time; exit code 1 when one answer is not as expected. `npm run model -- WORD` asks those whose line has that word.
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "./bootstrap.mjs";
import { MODEL_QUESTIONS, type ModelQuestion } from "./model-questions.ts";
import { answer, type ModelAnswer, ToolMissing } from "./model-run.ts";

/** Of one question. Lanes times memory stays below 4 GB. */
const BOUNDS = { secondsMax: 240, megabytesMax: 1_500, depthMax: 1_000_000 };
const LANES = Math.min(2, availableParallelism());

function line({ model, name, defines, expect }: ModelQuestion, { outcome, states, seconds }: ModelAnswer): string {
  const verdict = outcome === expect ? "as expected" : `NOT AS EXPECTED: ${outcome}`;
  const switches = defines.length === 0 ? "" : ` [${defines.join(" ")}]`;
  const figures = `${states.toLocaleString("en").padStart(9)} states ${seconds.toFixed(1).padStart(5)} s`;
  return `${expect.padEnd(5)} ${figures}  ${model}: ${name}${switches}: ${verdict}`;
}

const word = process.argv[2] ?? "";
const questions = MODEL_QUESTIONS.filter((question) => JSON.stringify(question).includes(word));
if (questions.length === 0) {
  console.error(`no question about the models has the word "${word}"`);
  process.exit(1);
}
const scratch = await mkdtemp(join(tmpdir(), "lormas-model-"));
let wrong = 0;
let states = 0;
let seconds = 0;
try {
  const waiting = questions.map((question) => ({ question, ...Promise.withResolvers<ModelAnswer>() }));
  const next = waiting.values();
  const lane = async (): Promise<void> => {
    for (const { question, resolve } of next) {
      const modelPath = join(repositoryRoot, "docs", "model", `${question.model}.pml`);
      resolve(await answer(question, modelPath, scratch, BOUNDS));
    }
  };
  const lanes = Promise.all(Array.from({ length: LANES }, lane));
  // Printed in the order of the list; a lane that fails ends the whole.
  for (const { question, promise } of waiting) {
    const given = await Promise.race([promise, lanes.then(() => promise)]);
    states += given.states;
    seconds += given.seconds;
    console.log(line(question, given));
    if (given.outcome === question.expect) continue;
    wrong += 1;
    if (given.outcome === "unknown") console.log(given.output.slice(-4_000));
  }
  console.log(
    `${questions.length - wrong} of ${questions.length} answers as expected, ` +
      `${states.toLocaleString("en")} states, ${seconds.toFixed(0)} s of checking`,
  );
} catch (error) {
  if (!(error instanceof ToolMissing)) throw error;
  console.error(
    `The models are checked by spin, compiled with gcc, and ${error.message}.\n` +
      "On Debian: apt-get install spin gcc libc6-dev",
  );
  wrong = 1;
} finally {
  await rm(scratch, { recursive: true, force: true });
}
process.exitCode = wrong === 0 ? 0 : 1;
