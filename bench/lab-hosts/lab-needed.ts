import { labProblem, thisMachine } from "@lormas/lab/lab-needs.ts";
import { removeAbandonedLabs, removeOwnLabs } from "@lormas/lab/state/lab-removal.ts";
import type { BenchRun } from "../frame/bench-run.ts";

/** Makes sure that a lab can be had and that it goes with this part of the run, however far it comes. Throws with what is missing. */
export async function labNeeded(part: BenchRun): Promise<void> {
  const problem = labProblem(thisMachine());
  if (problem !== null) throw new Error(problem);
  await removeAbandonedLabs();
  part.defer(removeOwnLabs);
}
