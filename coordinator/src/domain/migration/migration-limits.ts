/** How many migrations a cluster lets run at the same time; the others wait in the queue. */
export type MigrationLimits = {
  /** Away from nodes of the cluster, of containers that still run there. */
  readonly migrationsAtOnce: number;
  /** To one node of the cluster, of containers that still run elsewhere. */
  readonly migrationsPerTarget: number;
  /** To one node of the cluster, of containers that are down: their wait is time without service. */
  readonly failoversPerTarget: number;
};

/**
 * A planned move costs both nodes a pull, a stop and a start, and nothing is lost by its waiting: 20 at once keep an
 * evacuation of 100 containers at some minutes. An agent creates 8 containers at a time while others wait for their health
 * check; 32 failovers to a node keep it busy, and most failovers never wait.
 */
export const DEFAULT_LIMITS: MigrationLimits = {
  migrationsAtOnce: 20,
  migrationsPerTarget: 5,
  failoversPerTarget: 32,
};
