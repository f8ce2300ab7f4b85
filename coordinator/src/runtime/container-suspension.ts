import { lifeState } from "../domain/container/container-status.ts";
import type { JobKind } from "../domain/container/job-kind.ts";
import { existingContainer, refuseWhileRemoved, settledContainer } from "./container-refusals.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** Who suspends what, and why. */
export type SuspensionWish = { readonly containerId: string; readonly reason: string; readonly by: string };

/** Jobs that a suspension makes pointless. */
const CONTRARY_JOBS: readonly JobKind[] = ["start", "restart"];

/**
 * Stops a container until the suspension is lifted; one that is suspended already only has its reason changed. Refusals: not_found,
 * being_removed, migration_in_progress.
 */
export function suspendContainer(work: UnitOfWork, jobId: string, { containerId, reason, by }: SuspensionWish): void {
  const container = settledContainer(work, containerId);
  const { name } = container.facts;
  const { desired, suspension, placement } = container.snapshot.context;
  if (suspension?.by === by && suspension.reason === reason) return;
  const state = lifeState(container.snapshot);
  // Where it is to be stopped already its install script may run.
  const ends = desired === "running" || state === "installing";
  const job = { id: jobId, kind: "suspend", requestedBy: by } as const;
  if (ends) work.jobs.replace(container, CONTRARY_JOBS, "suspend");
  if (ends || state === "stopping") work.jobs.begin(job, container);
  else work.jobs.done(job, container);
  const change = { suspension: { by, reason, at: work.atMs } };
  work.tellContainer(containerId, { type: "TUNE", at: work.atMs, change });
  work.addEvent({
    type: "container.suspended",
    severity: "warning",
    message: `${name} was suspended by ${by}: ${reason}`,
    nodeId: placement?.nodeId ?? null,
    containerId,
    migrationId: null,
    data: { by, reason },
  });
  if (ends) work.tellContainer(containerId, { type: "WANT", at: work.atMs, desired: "stopped" });
}

/** Lifts a suspension; the container stays stopped until somebody starts it. Refusals: not_found, being_removed. */
export function unsuspendContainer(work: UnitOfWork, jobId: string, containerId: string, by: string): void {
  const container = existingContainer(work, containerId);
  refuseWhileRemoved(container);
  const { suspension, placement } = container.snapshot.context;
  if (!suspension) return;
  // One that is still being stopped is stopped all the same, and suspended no more: a start may come before that.
  work.jobs.replace(container, ["suspend"], "unsuspend");
  work.jobs.done({ id: jobId, kind: "unsuspend", requestedBy: by }, container);
  work.tellContainer(containerId, { type: "TUNE", at: work.atMs, change: { suspension: null } });
  work.addEvent({
    type: "container.unsuspended",
    severity: "info",
    message: `the suspension of ${container.facts.name} was lifted by ${by}`,
    nodeId: placement?.nodeId ?? null,
    containerId,
    migrationId: null,
    data: { by },
  });
}
