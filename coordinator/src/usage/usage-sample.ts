import type { WorkloadIo } from "../domain/workload.ts";

/** What a container was seen to use, a moment ago. */
export type LiveUsage = {
  readonly containerId: string;
  readonly nodeId: string;
  /** Of the copy that was measured. */
  readonly epoch: number;
  /** When its agent's report came, wall clock, ms. */
  readonly atMs: number;
  /** Thousandths of a core, over the time since the measurement before. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Since the copy was started; absent where its runtime does not count it. */
  readonly io?: WorkloadIo;
};

/** What a container used over a stretch of time. */
export type UsageSample = {
  readonly containerId: string;
  /** Kept for long; the others are finer and kept for a day. */
  readonly hourly: boolean;
  /** When the stretch began, wall clock, ms. */
  readonly atMs: number;
  /** How long it is. */
  readonly seconds: number;
  /** Reports that it is made of, at least 1. */
  readonly reports: number;
  /** Averages and the highest of the reports. */
  readonly cpuMillis: number;
  readonly cpuMillisMax: number;
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
};

/** Where samples are kept. */
export interface UsageStore {
  /**
   * Stores them all or none; with what is there of the same stretch already, as after a change of leaders, they become one sample.
   * Rejects when `term` is not the leader's any more.
   */
  append(term: number, samples: readonly UsageSample[]): Promise<void>;
}
