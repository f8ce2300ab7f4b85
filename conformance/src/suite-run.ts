import type { RandomSource } from "@lormas/coordinator/agents/random-source.ts";
import { BrokenPromise, type Check } from "./check.ts";
import { Stage } from "./stage.ts";
import type { SuiteClock } from "./suite-clock.ts";

/** A check that is not over by then has failed. */
const CHECK_MS = 60_000;

export type CheckOutcome = {
  readonly name: string;
  readonly source: string;
  readonly promise: string;
  readonly passed: boolean;
  /** Empty when it passed: what was seen instead of the promise. */
  readonly reason: string;
  readonly tookMs: number;
};

/** The check that goes on all the while, and is told at the end. */
export const MESSAGES: Pick<CheckOutcome, "name" | "source" | "promise"> = {
  name: "every-message-is-valid",
  source: "docs/agent-protocol.md",
  promise: "Every message keeps the validation rules that stand beside its fields in the proto.",
};

/**
 * Holds an agent against the checks; each is told as soon as it is over. Every lane has a coordinator and an agent of its own, and
 * takes one check after another. A check that fails costs the agent its place: the next one begins with a new agent, so that one
 * mistake is counted once.
 */
export async function runSuite(options: {
  readonly command: string;
  readonly checks: readonly Check[];
  /** How many checks are played at a time. */
  readonly lanes: number;
  readonly clock: SuiteClock;
  readonly random: RandomSource;
  readonly told: (outcome: CheckOutcome) => void;
  /** Ends the run early: what is running is cleaned up, and what has not run is left out. */
  readonly signal: AbortSignal;
}): Promise<CheckOutcome[]> {
  const { clock, signal } = options;
  const outcomes: CheckOutcome[] = [];
  const tell = (outcome: CheckOutcome) => {
    outcomes.push(outcome);
    options.told(outcome);
  };
  const waiting = [...options.checks];
  const broken: string[] = [];
  const lane = async () => {
    const stage = await Stage.open(options.command, clock, options.random);
    try {
      for (let check = waiting.shift(); check && !signal.aborted; check = waiting.shift()) {
        const begunMs = clock.bootMs();
        const reason = await played(check, stage);
        if (reason !== "") stage.spoil();
        const { name, source, promise } = check;
        tell({ name, source, promise, passed: reason === "", reason, tookMs: Math.round(clock.bootMs() - begunMs) });
      }
      broken.push(...stage.plane.heard.violations);
    } finally {
      await stage.close();
    }
  };
  // Every lane has cleaned up before a mistake of one of them is told.
  const ended = await Promise.allSettled(Array.from({ length: Math.min(options.lanes, waiting.length) }, lane));
  const mistake = ended.find((one) => one.status === "rejected");
  if (mistake) throw mistake.reason;
  if (!signal.aborted) tell({ ...MESSAGES, passed: broken.length === 0, reason: broken.join("; "), tookMs: 0 });
  return outcomes;
}

/** Plays one check; empty when the promise is kept. What is no broken promise is a mistake of the suite, and thrown. */
async function played(check: Check, stage: Stage): Promise<string> {
  stage.limit(CHECK_MS);
  try {
    stage.plane.calm();
    if (check.begins === "serving") await stage.serving();
    else await stage.unenrolled();
    await check.run(stage);
    return "";
  } catch (error) {
    if (error instanceof BrokenPromise) return error.message;
    throw error;
  }
}
