import { Lab } from "../lab.ts";
import { labProblem, thisMachine } from "../lab-needs.ts";
import { removeAbandonedLabs } from "../state/lab-removal.ts";
import type { Scenario } from "./scenario.ts";
import { type Figures, Story } from "./story.ts";

/** How a story went: its log to compare with the expected one, and what was measured. */
export type Played = { readonly log: string; readonly figures: Figures };

/** Tells a scenario on a lab of its own, which is gone afterwards however it went. Throws when a promise was broken. */
export async function play(scenario: Scenario): Promise<Played> {
  const { title, hosts = 3, clocks = false, overlap = { maxMs: 0, because: "" } } = scenario;
  const problem = labProblem(thisMachine());
  if (problem !== null) throw new Error(problem);
  await removeAbandonedLabs();
  const lab = await Lab.up({ hosts, kind: "test", clocks });
  try {
    const story = new Story(lab, title);
    await story.begin();
    await scenario.tell(story);
    const overlapMs = await story.end(scenario.course);
    if (overlapMs > overlap.maxMs) {
      throw new Error(`two copies ran at once for ${overlapMs} ms; ${overlap.maxMs} ms are allowed`);
    }
    if (overlapMs < (overlap.minMs ?? 0)) {
      throw new Error(
        `the witness saw ${overlapMs} ms of two copies at once; there must have been ${overlap.minMs} ms`,
      );
    }
    story.log.section(`Two copies at once: ${overlap.because === "" ? "0 ms" : overlap.because}`);
    return { log: story.log.text, figures: story.figures };
  } finally {
    await lab.down();
  }
}
