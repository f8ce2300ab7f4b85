/** What a person wants of a container. */
export type Desired = "running" | "stopped" | "removed";

/**
 * What people were told is so, and may rely on: what was acknowledged is there when faults have ended. Of what was asked
 * without an answer nothing is known, until something about the same container is acknowledged.
 */
export class ToldPeople {
  /** Containers whose creation was acknowledged, and whose deletion was not asked for. */
  readonly containers: string[] = [];
  /** Somebody has asked to switch automatic migration off or on: what a node's death left there meanwhile waits for people. */
  switchedMigration = false;
  /** Migrations that somebody has asked to cancel, with or without an answer. */
  readonly askedToCancel = new Set<string>();
  /** Migrations whose cancelling was acknowledged. */
  readonly cancelled = new Set<string>();
  readonly #desired = new Map<string, { ask: number; desired: Desired | null }>();
  #asks = 0;

  /** Somebody asks for it now; call the answer once that is acknowledged. */
  wants(containerId: string, desired: Desired): () => void {
    this.#asks += 1;
    const ask = this.#asks;
    this.#desired.set(containerId, { ask, desired: null });
    return () => {
      if (this.#desired.get(containerId)?.ask === ask) this.#desired.set(containerId, { ask, desired });
    };
  }

  /** What was acknowledged last of what is to become of the container; null when that is not known. */
  desired(containerId: string): Desired | null {
    return this.#desired.get(containerId)?.desired ?? null;
  }
}
