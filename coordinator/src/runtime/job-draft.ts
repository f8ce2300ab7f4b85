import { lifeState } from "../domain/container/container-status.ts";
import type { JobKind } from "../domain/container/job-kind.ts";
import type { JobChange, JobResult } from "./decision-store.ts";
import type { ContainerRecord } from "./fleet-view.ts";

/** What somebody asks of a container. */
export type AskedJob = {
  readonly id: string;
  readonly kind: JobKind;
  readonly requestedBy: string;
  /** The migration that it begins or takes back. */
  readonly migrationId?: string;
};

/** What one decision records of operations: those that begin with it, and those that end by it. */
export class JobDraft {
  readonly #changes: JobChange[] = [];

  /** One that is under way until its container's actor says otherwise. */
  begin(asked: AskedJob, container: ContainerRecord): void {
    this.#add(asked, container, null);
  }

  /** One that is done with this decision: what was asked for is so at once. */
  done(asked: AskedJob, container: ContainerRecord): void {
    this.#add(asked, container, resultOf(container));
  }

  /** Ends those of these kinds that are under way, with the container as it is now; with an error they have failed. */
  end(container: ContainerRecord, jobs: readonly string[], error: string): void {
    const result = error === "" ? resultOf(container) : null;
    this.#changes.push({ kind: "ended", containerId: container.facts.id, jobs, error, result });
  }

  /** Ends what a later wish replaces: nothing will ever fulfil it. */
  replace(container: ContainerRecord, jobs: readonly JobKind[], by: JobKind): void {
    this.end(container, jobs, `replaced by a later wish: ${by}`);
  }

  /** Takes over what an inner draft recorded. */
  merge(inner: JobDraft): void {
    this.#changes.push(...inner.#changes);
  }

  changes(): readonly JobChange[] {
    return this.#changes;
  }

  #add(asked: AskedJob, { facts }: ContainerRecord, done: JobResult | null): void {
    const { id, kind, requestedBy, migrationId = null } = asked;
    const { id: containerId, name: containerName } = facts;
    this.#changes.push({ kind: "begun", id, containerId, containerName, job: kind, requestedBy, migrationId, done });
  }
}

function resultOf({ snapshot }: ContainerRecord): JobResult {
  const { placement } = snapshot.context;
  return { reached: lifeState(snapshot), nodeId: placement?.nodeId ?? null, epoch: placement?.epoch ?? null };
}
