/** How the hunt for one mutant ended. */
export type HuntOutcome = {
  /** The promise that was broken, as the simulator words it; null when none was. */
  readonly caughtBy: string | null;
  readonly seed: number | null;
  readonly played: number;
};
