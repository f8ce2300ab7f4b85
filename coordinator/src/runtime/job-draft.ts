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
  readonly #eventsSoFar: () => number;
  readonly #requestId: string;
  /** By the number of the last event of their decision, which is known when it has been taken. */
  readonly #changes: ((eventsThrough: number) => JobChange)[] = [];

  /** `eventsSoFar`: the number of the newest event, those of the decision so far among them. `requestId`: the decision's. */
  constructor(eventsSoFar: () => number, requestId: string) {
    this.#eventsSoFar = eventsSoFar;
    this.#requestId = requestId;
  }

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
    const ended = { kind: "ended", containerId: container.facts.id, jobs, error, result } as const;
    this.#changes.push((eventsThrough) => ({ ...ended, eventsThrough }));
  }

  /** Ends what a later wish replaces: nothing will ever fulfil it. */
  replace(container: ContainerRecord, jobs: readonly JobKind[], by: JobKind): void {
    this.end(container, jobs, `replaced by a later wish: ${by}`);
  }

  /** Takes over what the draft of a decision within this one recorded, whose last event has this number. */
  merge(inner: JobDraft, eventsThrough: number): void {
    for (const change of inner.changes(eventsThrough)) this.#changes.push(() => change);
  }

  changes(eventsThrough: number): readonly JobChange[] {
    return this.#changes.map((change) => change(eventsThrough));
  }

  #add(wish: AskedJob, { facts }: ContainerRecord, done: JobResult | null): void {
    const { id, kind, requestedBy, migrationId = null } = wish;
    const { id: containerId, name: containerName } = facts;
    const requestId = this.#requestId;
    const asked = { kind: "begun", id, containerId, containerName, job: kind, requestedBy, requestId } as const;
    const begun = { ...asked, migrationId, done };
    const eventsAfter = this.#eventsSoFar();
    this.#changes.push((last) => ({ ...begun, eventsAfter, eventsThrough: done === null ? null : last }));
  }
}

function resultOf({ snapshot }: ContainerRecord): JobResult {
  const { placement } = snapshot.context;
  return { reached: lifeState(snapshot), nodeId: placement?.nodeId ?? null, epoch: placement?.epoch ?? null };
}
