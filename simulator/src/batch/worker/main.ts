import { runStory } from "../../story/run-story.ts";
import type { SeedRequest, SeedResult } from "../seed-result.ts";

// A worker of the simulator: plays the seeds it is sent and tells of each; ends when its parent lets go of it.

// Refusals are made by the thousand, and nobody reads where: the seed can be replayed.
Error.stackTraceLimit = 0;

process.on("message", (request: SeedRequest) => {
  void play(request);
});

async function play({ story, seeds }: SeedRequest): Promise<void> {
  for (const seed of seeds) {
    const { lines: _lines, plan: _plan, digest: _digest, ...result } = await runStory({ ...story, seed });
    const told: SeedResult = result;
    process.send?.(told);
  }
}
