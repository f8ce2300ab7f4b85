import type { ObservedWorkload } from "../domain/workload.ts";
import { finePeriodSeconds } from "./usage-period.ts";
import type { LiveUsage, UsageSample } from "./usage-sample.ts";

const HOUR_SECONDS = 3_600;
/** A container of which no report came for this long is forgotten: it does not run, or its node is away. */
export const FORGOTTEN_AFTER_MS = 60_000;
/** Samples that may wait to be written; above it the oldest are dropped. */
export const QUEUE_MAX = 200_000;

/** Reports of one stretch of time, so far. */
type Sum = {
  readonly atMs: number;
  readonly endMs: number;
  reports: number;
  cpuMillis: number;
  cpuMillisMax: number;
  memoryBytes: number;
  memoryBytesMax: number;
};

type Known = { live: LiveUsage; fine: Sum | null; hour: Sum | null };

/**
 * What every container uses now, in memory, as agents report it; and the samples that this makes, until somebody has stored them.
 * On the leader alone: no other coordinator hears reports.
 */
export class UsageBoard {
  readonly #known = new Map<string, Known>();
  readonly #watchers = new Map<string, Set<(live: LiveUsage) => void>>();
  readonly #queueMax: number;
  #queue: UsageSample[] = [];
  #fineSeconds = finePeriodSeconds(0);
  #dropped = 0;

  constructor(queueMax = QUEUE_MAX) {
    this.#queueMax = queueMax;
  }

  /** Containers of which something is known. */
  get containers(): number {
    return this.#known.size;
  }

  /** Samples that wait to be written. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Samples that were dropped since this was asked last. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** A report; one without a measurement tells nothing. */
  note(nodeId: string, { containerId, epoch, usage }: ObservedWorkload, atMs: number): void {
    if (!usage) return;
    const live: LiveUsage = { containerId, nodeId, epoch, atMs, ...usage };
    let known = this.#known.get(containerId);
    if (known === undefined) {
      known = { live, fine: null, hour: null };
      this.#known.set(containerId, known);
    }
    known.live = live;
    known.fine = this.#added(known.fine, live, this.#fineSeconds, false);
    known.hour = this.#added(known.hour, live, HOUR_SECONDS, true);
    for (const watcher of this.#watchers.get(containerId) ?? []) watcher(live);
  }

  /** What it used when that was reported last; null when nothing was for a while. */
  latest(containerId: string): LiveUsage | null {
    return this.#known.get(containerId)?.live ?? null;
  }

  /** Calls back with every report of a container; returns the way to stop that. */
  watch(containerId: string, watcher: (live: LiveUsage) => void): () => void {
    const watchers = this.#watchers.get(containerId) ?? new Set();
    this.#watchers.set(containerId, watchers);
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(containerId) === watchers) this.#watchers.delete(containerId);
    };
  }

  /** Ends the stretches that are over, forgets who is silent, and says how long the next ones are. Call it every some seconds. */
  close(nowMs: number): void {
    for (const [containerId, known] of this.#known) {
      if (known.fine !== null && known.fine.endMs <= nowMs) known.fine = this.#ended(containerId, known.fine, false);
      if (known.hour !== null && known.hour.endMs <= nowMs) known.hour = this.#ended(containerId, known.hour, true);
      if (nowMs - known.live.atMs <= FORGOTTEN_AFTER_MS) continue;
      this.#end(containerId, known);
      this.#known.delete(containerId);
    }
    this.#fineSeconds = finePeriodSeconds(this.#known.size);
  }

  /** Ends every stretch as it is: what is stored of it and what another leader adds become one. */
  closeAll(): void {
    for (const [containerId, known] of this.#known) this.#end(containerId, known);
  }

  /** The oldest samples that wait, at most so many; they wait no more. */
  take(max: number): UsageSample[] {
    return this.#queue.splice(0, max);
  }

  /** They could not be stored, and wait again. */
  putBack(samples: readonly UsageSample[]): void {
    this.#queue = [...samples, ...this.#queue];
    this.#trim();
  }

  /** This coordinator leads no more, or anew: what it knew is of before. Watchers stay. */
  clear(): void {
    this.#known.clear();
    this.#queue = [];
  }

  #added(
    before: Sum | null,
    { containerId, atMs, cpuMillis, memoryBytes }: LiveUsage,
    seconds: number,
    hourly: boolean,
  ) {
    let sum = before;
    if (sum !== null && (atMs >= sum.endMs || atMs < sum.atMs)) sum = this.#ended(containerId, sum, hourly);
    if (sum === null) {
      const alignedMs = atMs - (atMs % (seconds * 1_000));
      // Where the stretch before was longer and reaches into this one, this one is shorter.
      const beginMs = before !== null && before.endMs <= atMs ? Math.max(alignedMs, before.endMs) : alignedMs;
      const none = { reports: 0, cpuMillis: 0, cpuMillisMax: 0, memoryBytes: 0, memoryBytesMax: 0 };
      sum = { atMs: beginMs, endMs: alignedMs + seconds * 1_000, ...none };
    }
    sum.reports += 1;
    sum.cpuMillis += cpuMillis;
    sum.cpuMillisMax = Math.max(sum.cpuMillisMax, cpuMillis);
    sum.memoryBytes += memoryBytes;
    sum.memoryBytesMax = Math.max(sum.memoryBytesMax, memoryBytes);
    return sum;
  }

  #end(containerId: string, known: Known): void {
    if (known.fine !== null) known.fine = this.#ended(containerId, known.fine, false);
    if (known.hour !== null) known.hour = this.#ended(containerId, known.hour, true);
  }

  #ended(containerId: string, sum: Sum, hourly: boolean): null {
    const { atMs, endMs, reports, cpuMillisMax, memoryBytesMax } = sum;
    this.#queue.push({
      ...{ containerId, hourly, atMs, seconds: Math.round((endMs - atMs) / 1_000), reports },
      ...{ cpuMillis: Math.round(sum.cpuMillis / reports), cpuMillisMax },
      ...{ memoryBytes: Math.round(sum.memoryBytes / reports), memoryBytesMax },
    });
    this.#trim();
    return null;
  }

  #trim(): void {
    const over = this.#queue.length - this.#queueMax;
    // Some at once: a queue at its bound must not be moved with every sample.
    if (over <= 0) return;
    const dropped = over + Math.floor(this.#queueMax / 20);
    this.#queue.splice(0, dropped);
    this.#dropped += dropped;
  }
}
