// npm run mutants: plays every mutant until an invariant of the simulator notices it, two at a time. Exit code 1 when one of
// them lived through all its seeds: then the simulator is too weak. [--only NAME,NAME] [--seeds 2000] [--from 1] [--workers 2]
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { allMutants, mutantNamed } from "./all-mutants.ts";
import type { HuntOutcome } from "./hunt-outcome.ts";
import type { Mutant } from "./mutant.ts";

const LOADER = new URL("./load-mutant.ts", import.meta.url).href;
const HUNT = fileURLToPath(new URL("./hunt.ts", import.meta.url));
const TALLY = process.env["LORMAS_TALLY"];

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
    workers: { type: "string", default: "2" },
  },
});

/** Of what broke, so many characters are printed. */
const SAID_MAX = 160;

type Hunted = { readonly mutant: Mutant; readonly outcome: HuntOutcome | string; readonly tookMs: number };

/** A promise that the code itself breaks at that seed shows nothing about a mutant: it has to be mended first. */
async function hunt(mutant: Mutant): Promise<HuntOutcome | string> {
  const outcome = await play(mutant, true, values.from, values.seeds);
  if (typeof outcome === "string" || outcome.seed === null) return outcome;
  const unchanged = await play(mutant, false, String(outcome.seed), "1");
  if (typeof unchanged === "string") return unchanged;
  return unchanged.caughtBy === null
    ? outcome
    : `without the mutant seed ${outcome.seed} fails too: ${unchanged.caughtBy}`;
}

function play(mutant: Mutant, changed: boolean, from: string, seeds: string): Promise<HuntOutcome | string> {
  const args = [...(changed ? ["--import", LOADER] : []), HUNT, from, seeds];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, LORMAS_MUTANT: mutant.name },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let complained = "";
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    complained = (complained + chunk.toString()).slice(-2_000);
  });
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code) => {
      const line = said.trim().split("\n").at(-1) ?? "";
      // The hunt's own last line.
      resolve(
        code === 0 && line.startsWith("{") ? (JSON.parse(line) as HuntOutcome) : `exit code ${code}: ${complained}`,
      );
    });
  });
}

const waiting = values.only ? values.only.split(",").map(mutantNamed) : [...allMutants];
const hunted: Hunted[] = [];
async function work(): Promise<void> {
  for (;;) {
    const mutant = waiting.shift();
    if (!mutant) return;
    const beganMs = performance.now();
    const one: Hunted = { mutant, outcome: await hunt(mutant), tookMs: performance.now() - beganMs };
    hunted.push(one);
    console.log(line(one));
  }
}

function line({ mutant, outcome, tookMs }: Hunted): string {
  const seconds = `${(tookMs / 1_000).toFixed(1)} s`.padStart(8);
  const name = mutant.name.padEnd(36);
  if (typeof outcome === "string") return `BROKEN  ${name}${seconds}  ${outcome}`;
  if (outcome.caughtBy === null) return `LIVES   ${name}${seconds}  after ${outcome.played} seeds: ${mutant.rule}`;
  const how = outcome.caughtBy.length > SAID_MAX ? `${outcome.caughtBy.slice(0, SAID_MAX)}…` : outcome.caughtBy;
  return `caught  ${name}${seconds}  seed ${outcome.seed}, the ${outcome.played}. played: ${how}`;
}

await Promise.all(Array.from({ length: Number(values.workers) }, work));
const isCaught = ({ outcome }: Hunted): boolean => typeof outcome !== "string" && outcome.caughtBy !== null;
const failed = hunted.filter((one) => !isCaught(one));
console.log(`${hunted.length - failed.length} mutants caught, ${failed.length} not`);
if (TALLY) {
  const [passed, failures] = [hunted.length - failed.length, failed.map((one) => line(one))];
  writeFileSync(TALLY, JSON.stringify({ passed, failed: failed.length, skipped: 0, failures, skips: [] }));
}
if (failed.length > 0) process.exitCode = 1;
