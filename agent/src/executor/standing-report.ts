import type { WorkloadStatus } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { type JournalState, standingStart } from "../journal/journal-state.ts";
import type { ContainerRuntime, ObservedContainer } from "../runtime/container-runtime.ts";
import type { ContainerSlot } from "./container-slot.ts";

export type StandingReportParts = {
  readonly runtime: Pick<ContainerRuntime, "list">;
  readonly journal: { readonly state: JournalState };
  readonly slots: ReadonlyMap<string, ContainerSlot>;
  readonly status: (containerId: string, observed: ObservedContainer | null) => Promise<WorkloadStatus>;
  readonly tell: (status: WorkloadStatus) => void;
};

/**
 * Tells of everything that runs here, and of everything that should and does not, whatever was told before: an end that the
 * engine told nobody of, or whose report was lost, is late by this and not lost for good. What an operation is at work on, or
 * has been since the look, is left to that one's result.
 */
export async function standingReport({ runtime, journal, slots, status, tell }: StandingReportParts): Promise<void> {
  const before = new Map([...slots].map(([containerId, slot]) => [containerId, { slot, turn: slot.turn }]));
  const present = new Map((await runtime.list()).map((observed) => [observed.containerId, observed]));
  const isAsSeen = (containerId: string): boolean => {
    const slot = slots.get(containerId);
    if (slot === undefined) return true; // Nothing was ever done to it in this run.
    const was = before.get(containerId);
    return slot.idle && (was ? was.slot === slot && was.turn === slot.turn : slot.turn === 0);
  };
  const down = [...journal.state.containers.keys()].filter(
    (containerId) =>
      present.get(containerId)?.state !== "running" && standingStart(journal.state, containerId) !== null,
  );
  const running = [...present.values()].filter(({ state }) => state === "running");
  for (const containerId of [...running.map((observed) => observed.containerId), ...down]) {
    if (!isAsSeen(containerId)) continue;
    tell(await status(containerId, present.get(containerId) ?? null));
  }
}
