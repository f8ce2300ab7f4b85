import type { Clock } from "./clock.ts";

/** So long a group must have had one node to choose from before it counts as a fleet of one; a start of many takes less. */
export const ALONE_MS = 60_000;

/** Which voting groups have long had no second node, as far as this coordinator has seen it in its present term. */
export class LonelyGroups {
  readonly #clock: Pick<Clock, "bootMs">;
  #term: number | null = null;
  /** By cluster: since when it has been seen alone, on this coordinator's boot clock. */
  #sinceMs = new Map<string, number>();

  constructor(clock: Pick<Clock, "bootMs">) {
    this.#clock = clock;
  }

  /** Takes those that are alone at this moment; what has not been seen without a break in one term begins anew. */
  see(term: number | null, clusterIds: readonly string[]): void {
    const before = this.#term === term ? this.#sinceMs : new Map<string, number>();
    const nowMs = this.#clock.bootMs();
    this.#term = term;
    this.#sinceMs = new Map(clusterIds.map((clusterId) => [clusterId, before.get(clusterId) ?? nowMs]));
  }

  aloneForLong(clusterId: string): boolean {
    const sinceMs = this.#sinceMs.get(clusterId);
    return sinceMs !== undefined && this.#clock.bootMs() - sinceMs >= ALONE_MS;
  }
}
