import type { ContainerStats } from "dockerode";

/** Memory in use without the file cache that the kernel would give back, bytes. */
export function memoryUsedBytes(stats: Pick<ContainerStats, "memory_stats">): number {
  const { usage, stats: detail } = stats.memory_stats;
  const cache = detail?.total_inactive_file ?? detail?.inactive_file ?? 0;
  return Math.max(0, (usage ?? 0) - cache);
}

/** Turns the engine's running total of CPU time into a share, between one sample of a container and the next. */
export class CpuShare {
  readonly #samples = new Map<string, { totalNs: number; at: Date }>();

  /** Thousandths of a core since the sample before; 0 for the first. */
  sample(containerId: string, totalNs: number, at: Date): number {
    const before = this.#samples.get(containerId);
    this.#samples.set(containerId, { totalNs, at });
    const elapsedMs = before ? at.getTime() - before.at.getTime() : 0;
    if (!before || elapsedMs <= 0 || totalNs < before.totalNs) return 0;
    return Math.round((totalNs - before.totalNs) / 1_000 / elapsedMs);
  }

  forget(containerId: string): void {
    this.#samples.delete(containerId);
  }
}
