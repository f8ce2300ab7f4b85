import type { RestartPriority } from "../domain/container/container-context.ts";
import type { ContainerEvent } from "../domain/container/container-events.ts";
import type { ContainerSnapshot } from "../domain/container/container-machine.ts";
import { lifeState, migrationState } from "../domain/container/container-status.ts";
import { targetRequest } from "../domain/migration/migration-actions.ts";
import { DEFAULT_LIMITS, type MigrationLimits } from "../domain/migration/migration-limits.ts";
import type { ContainerRecord } from "./fleet-view.ts";
import { findsPlace, type TimedFleet } from "./place-container.ts";

/** What the queue needs of the decision in which it runs. */
export type QueueWork = TimedFleet & {
  tellContainer(id: string, event: ContainerEvent): void;
};

export const RANK: Readonly<Record<RestartPriority, number>> = { critical: 0, high: 1, normal: 2, low: 3 };
/** Passes over the queue in one decision; each of them but the last lets something begin. */
export const QUEUE_PASSES_MAX = 1_000;
/** Looks at placement that end in waiting, in one pass: what waits for the same nodes need not be asked for each of them. */
const FRUITLESS_LOOKS_MAX = 64;

type Waiting = { readonly id: string; readonly down: boolean; readonly rank: number; readonly since: number };

/**
 * Gives those who wait their turn, in the decision that ended what they waited for: who is without service before who is
 * not, then by restart priority, then by age, then by id. The queue is kept nowhere else than in the containers' own
 * snapshots, so it is as durable as they are.
 */
export class MigrationQueue {
  readonly #work: QueueWork;
  /** Planned migrations that have begun, by the cluster of their source. */
  readonly #from = new Map<string, number>();
  /** Migrations that have begun, by their target. */
  readonly #to = new Map<string, number>();
  #looksLeft = FRUITLESS_LOOKS_MAX;

  constructor(work: QueueWork) {
    this.#work = work;
    for (const id of work.moving()) this.#count(work.container(id));
  }

  /** One pass over all that wait. `roomCame`: those without a node look for one as well. */
  pass(roomCame: boolean): void {
    for (const { id } of this.#line(roomCame)) {
      const container = this.#work.container(id);
      if (!container) continue;
      if (migrationState(container.snapshot) === "queued") this.#turn(container);
      else if (roomCame) this.#lookForRoom(container);
    }
  }

  #line(roomCame: boolean): Waiting[] {
    const waiting: Waiting[] = [];
    for (const id of this.#work.moving()) {
      const container = this.#work.container(id);
      const move = container?.snapshot.context.move;
      if (!move || migrationState(container.snapshot) !== "queued") continue;
      const { priority } = container.snapshot.context;
      waiting.push({ id, down: isDown(container), rank: RANK[priority], since: move.startedAt });
    }
    for (const id of roomCame ? this.#work.unplaced() : []) {
      const container = this.#work.container(id);
      if (!container) continue;
      const { priority, retry } = container.snapshot.context;
      waiting.push({ id, down: true, rank: RANK[priority], since: retry?.downSince ?? container.facts.createdAtMs });
    }
    return waiting.sort(
      (a, b) =>
        Number(b.down) - Number(a.down) ||
        a.rank - b.rank ||
        a.since - b.since ||
        (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
    );
  }

  #turn(container: ContainerRecord): void {
    const { context } = container.snapshot;
    const { move, id } = context;
    if (!move) return;
    const down = isDown(container);
    const clusterId = this.#clusterOf(move.sourceNodeId);
    const { migrationsAtOnce } = this.#limits(move.sourceNodeId);
    const bound = move.forced !== true;
    if (bound && !down && (this.#from.get(clusterId) ?? 0) >= migrationsAtOnce) {
      const name = this.#work.cluster(clusterId)?.name ?? clusterId;
      return this.#hold(
        id,
        migrationsAtOnce === 1
          ? `1 migration away from cluster ${name} is under way, and no more may be at once`
          : `${migrationsAtOnce} migrations away from cluster ${name} are under way, as many as may be at once`,
      );
    }
    const busyNodeIds = bound ? this.#busy(down) : [];
    if (busyNodeIds.length > 0) {
      if (this.#looksLeft <= 0) return;
      const wish = targetRequest(context, move, busyNodeIds);
      const found = findsPlace(this.#work, container, wish);
      // Without the bound on migrations at once there would be one.
      if (!found && findsPlace(this.#work, container, { ...wish, busyNodeIds: [] })) {
        this.#looksLeft -= 1;
        return this.#hold(id, "every node that could take it takes as many migrations as it may at once");
      }
    }
    this.#work.tellContainer(id, { type: "ADMITTED", at: this.#work.atMs, busyNodeIds });
    this.#count(this.#work.container(id));
  }

  /** One that was never placed asks for itself; a stranded one begins a migration only where one can succeed. */
  #lookForRoom(container: ContainerRecord): void {
    const { context } = container.snapshot;
    const stranded = lifeState(container.snapshot) === "stranded";
    if (stranded && !fitsElsewhere(this.#work, container, context.retry?.avoidNodeIds ?? [])) return;
    this.#work.tellContainer(context.id, { type: "ROOM", at: this.#work.atMs });
    const after = this.#work.container(context.id);
    if (after && migrationState(after.snapshot) === "queued") this.#turn(after);
  }

  #hold(id: string, reason: string): void {
    this.#work.tellContainer(id, { type: "HELD", at: this.#work.atMs, reason });
  }

  #busy(down: boolean): string[] {
    const busy: string[] = [];
    for (const [nodeId, count] of this.#to) {
      const limits = this.#limits(nodeId);
      if (count >= (down ? limits.failoversPerTarget : limits.migrationsPerTarget)) busy.push(nodeId);
    }
    return busy.sort();
  }

  #count(container: ContainerRecord | undefined): void {
    const move = container?.snapshot.context.move;
    if (!container || !move || migrationState(container.snapshot) === "queued") return;
    if (move.targetNodeId !== null) this.#to.set(move.targetNodeId, (this.#to.get(move.targetNodeId) ?? 0) + 1);
    if (isUrgent(container)) return;
    const clusterId = this.#clusterOf(move.sourceNodeId);
    this.#from.set(clusterId, (this.#from.get(clusterId) ?? 0) + 1);
  }

  #clusterOf(nodeId: string): string {
    return this.#work.node(nodeId)?.facts.clusterId ?? "";
  }

  #limits(nodeId: string): MigrationLimits {
    return this.#work.cluster(this.#clusterOf(nodeId))?.limits ?? DEFAULT_LIMITS;
  }
}

/** True when a node other than those named and its own could take the container now. */
export function fitsElsewhere(fleet: TimedFleet, container: ContainerRecord, avoid: readonly string[]): boolean {
  const { context } = container.snapshot;
  const home = context.placement?.nodeId ?? null;
  return findsPlace(fleet, container, {
    kind: "place",
    purpose: "move",
    requestedNodeId: null,
    excludedNodeIds: [...(home === null ? [] : [home]), ...avoid],
    busyNodeIds: [],
    avoidPorts: context.avoidPorts,
    pinnedNodeId: null,
    homeNodeId: home,
  });
}

/** It does not serve: its source is dead, or its copy there has ended. */
function isDown({ snapshot }: ContainerRecord): boolean {
  const { move } = snapshot.context;
  return move !== null && (move.sourceDead || move.downSince !== null);
}

/** Began without service; a planned move that has stopped its source by itself is still a planned one. */
function isUrgent({ snapshot }: ContainerRecord): boolean {
  const { move } = snapshot.context;
  return move !== null && (move.sourceDead || move.trigger === "auto");
}

/** It waits in the queue, and did not, or waits more urgently than before. */
export function isNewInQueue(before: ContainerSnapshot, after: ContainerSnapshot): boolean {
  if (migrationState(after) !== "queued") return false;
  const [old, now] = [before.context.move, after.context.move];
  if (migrationState(before) !== "queued" || !old || !now) return true;
  return old.downSince !== now.downSince || old.sourceDead !== now.sourceDead;
}
