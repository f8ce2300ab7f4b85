import type { StoryOptions, StoryOutcome } from "../story/run-story.ts";

/** What a worker tells of one seed. */
export type SeedResult = Omit<StoryOutcome, "lines" | "plan" | "digest">;

/** What a worker is asked to play. */
export type SeedRequest = { readonly story: StoryOptions; readonly seeds: readonly number[] };
