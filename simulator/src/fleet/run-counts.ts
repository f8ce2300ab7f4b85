/** What a run counts besides its faults; a batch in which too little of it happens counts as not run. */
export const RUN_COUNTS = [
  "heartbeats acknowledged",
  "decisions",
  "takeovers",
  "nodes declared dead",
  "failovers",
  "migrations completed",
  "migrations failed",
  "migrations cancelled",
  "overrides",
  "fence hook calls",
  "moves by fence hook",
  "commands refused",
  "messages repeated",
  "guard kills",
  "kills judged",
  "kills not judged",
  "dead control planes survived",
  "nodes that survived by votes",
  "votes granted",
  "operator actions",
  "placements by demand",
] as const;

export type RunCount = (typeof RUN_COUNTS)[number];
export type RunCounts = Record<RunCount, number>;

/** All zero. */
export function noCounts(): RunCounts {
  return Object.fromEntries(RUN_COUNTS.map((name) => [name, 0])) as RunCounts; // Every name of the list is there.
}
