import type { ContainerStats } from "dockerode";
import type { ContainerIo } from "../container-runtime.ts";

/** Memory in use without the file cache that the kernel would give back, bytes. */
export function memoryUsedBytes(stats: Pick<ContainerStats, "memory_stats">): number {
  const { usage, stats: detail } = stats.memory_stats;
  const cache = detail?.total_inactive_file ?? detail?.inactive_file ?? 0;
  return Math.max(0, (usage ?? 0) - cache);
}

/** What went over the container's networks and to and from its disks; the engine counts it beside memory and CPU. */
export function ioOf(stats: Pick<ContainerStats, "networks" | "blkio_stats">): ContainerIo {
  const networks = Object.values(stats.networks ?? {});
  const disk = (direction: string): number =>
    (stats.blkio_stats?.io_service_bytes_recursive ?? [])
      .filter(({ op }) => op.toLowerCase() === direction)
      .reduce((sum, { value }) => sum + value, 0);
  return {
    networkReceivedBytes: networks.reduce((sum, network) => sum + network.rx_bytes, 0),
    networkSentBytes: networks.reduce((sum, network) => sum + network.tx_bytes, 0),
    diskReadBytes: disk("read"),
    diskWrittenBytes: disk("write"),
  };
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
