import type { RunCount } from "../fleet/run-counts.ts";

/** What must happen at least in 1,000 seeds of all faults; a batch in which less happened proves nothing. */
export const MINIMA_PER_1000_SEEDS: Partial<Readonly<Record<RunCount, number>>> = {
  "nodes declared dead": 1_500,
  failovers: 2_000,
  "migrations completed": 2_000,
  "commands refused": 300,
  "messages repeated": 500,
  "migrations cancelled": 15,
  overrides: 10,
  "moves by fence hook": 120,
  "guard kills": 1_000,
  // The check of survival by votes: kills that it could tell right from wrong, and outages that it saw lived through.
  "kills judged": 1_000,
  "dead control planes survived": 400,
  "votes granted": 100_000,
  takeovers: 2_000,
};

/** What fell short, for so many seeds; empty when enough happened. */
export function shortOf(counts: Readonly<Record<RunCount, number>>, seeds: number): string[] {
  return Object.entries(MINIMA_PER_1000_SEEDS).flatMap(([name, per1000]) => {
    const least = Math.floor((per1000 * seeds) / 1_000);
    const seen = counts[name as RunCount];
    return seen < least ? [`${name}: ${seen}, at least ${least} are wanted`] : [];
  });
}
