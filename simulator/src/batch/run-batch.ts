import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { BatchTally } from "./batch-tally.ts";
import type { SeedRequest, SeedResult } from "./seed-result.ts";
import type { SimulateOptions } from "./simulate-options.ts";

/** Seeds that a worker is given at once. */
const CHUNK = 8;
/** After so many broken promises a batch has said enough. */
const VIOLATIONS_MAX = 5;

/** Nearly everything that a run makes is thrown away at once: a large nursery halves the work of the collector. */
const NURSERY = "--max-semi-space-size=64";
/**
 * XState copies a context key by key. V8 takes one with more than about a dozen keys for a dictionary then, and each copy of a
 * container's takes several microseconds in place of a tenth of one.
 */
const NO_DICTIONARIES = "--fast-properties-soft-limit=64";
/** Refusals and ended streams are errors, made by the hundred thousand, and nobody reads where: a story is told by its replay. */
const NO_STACKS = "--stack-trace-limit=0";

const WORKER = fileURLToPath(new URL("./worker/main.ts", import.meta.url));

/**
 * Plays the seeds of a batch in processes of their own, which inherit this one's Node options. Resolves when all are played
 * or enough promises are broken; rejects when a worker dies.
 */
export async function runBatch(options: SimulateOptions, tally: BatchTally): Promise<void> {
  let next = options.from;
  const end = options.from + options.seeds;
  const take = (): number[] => {
    if (tally.violations.length >= VIOLATIONS_MAX) return [];
    const seeds = Array.from({ length: Math.min(CHUNK, end - next) }, (_, index) => next + index);
    next += seeds.length;
    return seeds;
  };
  const count = Math.min(options.workers, Math.ceil(options.seeds / CHUNK));
  await Promise.all(Array.from({ length: count }, () => work(options, take, tally)));
}

function work(options: SimulateOptions, take: () => number[], tally: BatchTally): Promise<void> {
  const { nodes, profile, kinds, scenes, lasting, keep } = options;
  return new Promise((resolve, reject) => {
    const worker: ChildProcess = fork(WORKER, {
      execArgv: [...process.execArgv, NURSERY, NO_DICTIONARIES, NO_STACKS],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    let waiting = 0;
    const give = (): void => {
      const seeds = take();
      waiting = seeds.length;
      if (waiting === 0) return void worker.disconnect();
      const request: SeedRequest = {
        story: { seed: 0, nodes, profile, kinds, scenes, lasting, keep, logged: false },
        seeds,
      };
      worker.send(request);
    };
    worker.on("message", (result: SeedResult) => {
      tally.add(result);
      waiting -= 1;
      if (waiting === 0) give();
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a worker of the simulator ended with exit code ${code}; what it printed says why`));
    });
    give();
  });
}
