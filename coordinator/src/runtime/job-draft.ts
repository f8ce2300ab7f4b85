import type { JobKind } from "../domain/container/job-kind.ts";
import type { JobChange } from "./decision-store.ts";
import type { ContainerRecord } from "./fleet-view.ts";

/** What somebody asks of a container. */
export type AskedJob = { readonly id: string; readonly kind: JobKind; readonly requestedBy: string };

/** What one decision records of operations: those that begin with it, and those that end by it. */
export class JobDraft {
  readonly #changes: JobChange[] = [];

  /** One that is under way until its container's actor says otherwise. */
  begin(asked: AskedJob, container: ContainerRecord): void {
    this.#add(asked, container, false);
  }

  /** One that is done with this decision: what was asked for is so at once. */
  done(asked: AskedJob, container: ContainerRecord): void {
    this.#add(asked, container, true);
  }

  /** Ends those of these kinds that are under way; with an error they have failed. */
  end({ facts }: ContainerRecord, jobs: readonly string[], error: string): void {
    this.#changes.push({ kind: "ended", containerId: facts.id, jobs, error });
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

  #add({ id, kind, requestedBy }: AskedJob, { facts }: ContainerRecord, isDone: boolean): void {
    const { id: containerId, name: containerName } = facts;
    this.#changes.push({ kind: "begun", id, containerId, containerName, job: kind, requestedBy, isDone });
  }
}
