import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { GuardLink } from "../guard-client/guard-link.ts";
import type { Journal } from "../journal/journal.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import type { ContainerSlot } from "./container-slot.ts";
import type { parallelLimit } from "./parallel-limit.ts";
import type { SharedTurns } from "./shared-turns.ts";

/** What a start, and what comes before it, is carried out with. */
export type WorkloadStartParts = {
  readonly runtime: ContainerRuntime;
  readonly journal: Journal;
  readonly guard: GuardLink;
  readonly mayStart: () => boolean;
  readonly leaving: () => boolean;
  readonly address: string;
  readonly clock: BootClock;
  readonly timers: Timers;
  /** In which output is searched. */
  readonly turns: SharedTurns;
  /** Bounds how many starts are at work at once. */
  readonly limit: ReturnType<typeof parallelLimit>;
  /** The same of install scripts, which take longer. */
  readonly installLimit: ReturnType<typeof parallelLimit>;
  /** What crashed before is settled by this start. */
  readonly settled: (containerId: string) => void;
  readonly watch: (spec: WorkloadSpec, kind: "healthy" | "unhealthy", detail?: string) => void;
  readonly observe: (slot: ContainerSlot) => Promise<void>;
};
