import { runStory, type StoryOptions } from "./run-story.ts";

export type ShrinkBounds = {
  /** Runs at most. */
  readonly runsMax: number;
  /** True once it has taken long enough. */
  readonly enough: () => boolean;
};

/**
 * Leaves out of a failing seed's schedule what it fails without: halves first, then single faults. Answers the places of
 * what is left, which still break a promise, though perhaps another one.
 */
export async function shrinkStory(options: StoryOptions, faults: number, bounds: ShrinkBounds): Promise<number[]> {
  let kept = options.keep === null ? Array.from({ length: faults }, (_, index) => index) : [...options.keep];
  let runs = 0;
  const fails = async (keep: readonly number[]): Promise<boolean> => {
    runs += 1;
    return (await runStory({ ...options, keep, logged: false })).violation !== null;
  };
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let from = 0; from < kept.length; ) {
      if (runs >= bounds.runsMax || bounds.enough()) return kept;
      const without = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (await fails(without)) kept = without;
      else from += size;
    }
  }
  return kept;
}
