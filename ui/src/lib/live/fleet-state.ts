import type { Alert, Container, Event, Migration, Node } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { AlertState, MigrationOutcome } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Change, HealthSample, Job } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { toMs } from "../format/time.ts";

/** The newest events that are kept; older ones are asked of the API. */
export const eventsMax = 500;
/** Ended migrations that are kept besides those under way; older ones are asked of the API. */
export const endedMigrationsMax = 500;
/** Removed containers that are remembered, so that a late answer does not bring one back. */
export const removedMax = 500;
/** Jobs that the stream brought and are kept, the newest; every other one is asked of the API. */
export const jobsMax = 500;

/** What the dashboard knows of the fleet. Never changed in place: a new state is a new object. */
export type FleetState = {
  /** Every event up to this sequence number that is for us is contained; watch from here. */
  readonly asOf: bigint;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly containers: ReadonlyMap<string, Container>;
  readonly migrations: ReadonlyMap<string, Migration>;
  /** Those that are not resolved. */
  readonly alerts: ReadonlyMap<string, Alert>;
  /** Oldest first, at most `eventsMax`. */
  readonly events: readonly Event[];
  /** Removed containers, id to the sequence number of their removal, at most `removedMax`. */
  readonly removed: ReadonlyMap<string, bigint>;
  /** Jobs as the stream brought them last, at most `jobsMax`; the lists do not tell of them. */
  readonly jobs: ReadonlyMap<string, Job>;
};

/** What the lists answered; `asOf` is the lowest of theirs, so that a watch from there misses nothing. */
export type FleetSnapshot = {
  readonly asOf: bigint;
  readonly nodes: readonly Node[];
  readonly containers: readonly Container[];
  readonly migrations: readonly Migration[];
  readonly alerts: readonly Alert[];
  readonly events: readonly Event[];
};

/** One thing that came in: from the watch stream, or as the answer to a call of this page. */
export type FleetInput =
  | { readonly kind: "change"; readonly change: Change }
  | { readonly kind: "progress"; readonly asOf: bigint }
  | { readonly kind: "health"; readonly sample: HealthSample }
  | { readonly kind: "container"; readonly container: Container }
  | { readonly kind: "migration"; readonly migration: Migration }
  | { readonly kind: "node"; readonly node: Node }
  | { readonly kind: "alert"; readonly alert: Alert };

/** A jump in the numbering: events between the two were not seen. */
export type FleetGap = { readonly after: bigint; readonly got: bigint };

/** Nothing known yet. */
export const emptyFleet: FleetState = {
  asOf: 0n,
  nodes: new Map(),
  containers: new Map(),
  migrations: new Map(),
  alerts: new Map(),
  events: [],
  removed: new Map(),
  jobs: new Map(),
};

/** The state right after listing. */
export function fleetFromSnapshot(snapshot: FleetSnapshot): FleetState {
  return {
    asOf: snapshot.asOf,
    nodes: new Map(snapshot.nodes.map((node) => [node.id, node])),
    containers: new Map(snapshot.containers.map((container) => [container.id, container])),
    migrations: new Map(snapshot.migrations.map((migration) => [migration.id, migration])),
    alerts: new Map(snapshot.alerts.map((alert) => [alert.id, alert])),
    events: snapshot.events.slice(-eventsMax),
    removed: new Map(),
    jobs: new Map(),
  };
}

/**
 * Takes in a batch. A change that was seen before adds no event; a resource never replaces one with a higher as_of; a
 * change that names a container without showing it removes it. At a gap it stops: the state is then that of the last
 * unbroken sequence, and the caller must list again.
 */
export function reduceFleet(
  state: FleetState,
  inputs: readonly FleetInput[],
): { readonly state: FleetState; readonly gap: FleetGap | null } {
  if (inputs.length === 0) return { state, gap: null };
  const draft = new FleetDraft(state);
  for (const input of inputs) {
    switch (input.kind) {
      case "change": {
        const gap = draft.change(input.change);
        if (gap !== null) return { state: draft.finish(), gap };
        break;
      }
      case "progress":
        draft.progress(input.asOf);
        break;
      case "health":
        draft.health(input.sample);
        break;
      case "container":
        draft.container(input.container);
        break;
      case "migration":
        draft.migration(input.migration);
        break;
      case "node":
        draft.node(input.node);
        break;
      case "alert":
        draft.alert(input.alert);
        break;
      default:
        input satisfies never;
    }
  }
  return { state: draft.finish(), gap: null };
}

/** The next state in the making; copies of the maps are made once a batch, not once an input. */
class FleetDraft {
  #asOf: bigint;
  readonly #nodes: Map<string, Node>;
  readonly #containers: Map<string, Container>;
  readonly #migrations: Map<string, Migration>;
  readonly #alerts: Map<string, Alert>;
  readonly #events: Event[];
  readonly #removed: Map<string, bigint>;
  readonly #jobs: Map<string, Job>;

  constructor(state: FleetState) {
    this.#asOf = state.asOf;
    this.#nodes = new Map(state.nodes);
    this.#containers = new Map(state.containers);
    this.#migrations = new Map(state.migrations);
    this.#alerts = new Map(state.alerts);
    this.#events = [...state.events];
    this.#removed = new Map(state.removed);
    this.#jobs = new Map(state.jobs);
  }

  change({ event, node, container, migration, alert, jobs, follows }: Change): FleetGap | null {
    if (event === undefined) return null;
    // Numbers are missing where what happened in between is not for us; a coordinator that does not say so leaves none out.
    const before = follows === 0n ? event.sequence - 1n : follows;
    if (before > this.#asOf) return { after: this.#asOf, got: event.sequence };
    if (event.sequence > this.#asOf) {
      this.#asOf = event.sequence;
      const newest = this.#events.at(-1);
      if (newest === undefined || newest.sequence < event.sequence) this.#events.push(event);
    }
    if (node !== undefined) this.node(node);
    else if (event.type === "node.removed") this.#nodes.delete(event.nodeId);
    if (container !== undefined) this.container(container);
    else if (event.containerId !== "") this.#remove(event.containerId, event.sequence);
    if (migration !== undefined) this.migration(migration);
    if (alert !== undefined) this.alert(alert);
    // Newest first, and as they are by then: what comes later on the stream is never older.
    for (const job of jobs.toReversed()) this.#job(job);
    return null;
  }

  /** What happened up to there and was not shown is not for us. */
  progress(asOf: bigint): void {
    if (asOf > this.#asOf) this.#asOf = asOf;
  }

  alert(alert: Alert): void {
    const known = this.#alerts.get(alert.id);
    if (known !== undefined && alert.asOf < known.asOf) return;
    if (alert.state === AlertState.RESOLVED) this.#alerts.delete(alert.id);
    else this.#alerts.set(alert.id, alert);
  }

  node(node: Node): void {
    const known = this.#nodes.get(node.id);
    if (known === undefined || node.asOf >= known.asOf) this.#nodes.set(node.id, node);
  }

  container(container: Container): void {
    const removedAt = this.#removed.get(container.id);
    if (removedAt !== undefined && container.asOf <= removedAt) return;
    const known = this.#containers.get(container.id);
    if (known === undefined || container.asOf >= known.asOf) this.#containers.set(container.id, container);
  }

  migration(migration: Migration): void {
    const known = this.#migrations.get(migration.id);
    if (known === undefined || migration.asOf >= known.asOf) this.#migrations.set(migration.id, migration);
  }

  /** Health is outside the numbering and comes in order; only an older heartbeat gives it away as late. */
  health(sample: HealthSample): void {
    for (const health of sample.nodes) {
      const known = this.#nodes.get(health.nodeId);
      if (known === undefined) continue;
      const knownMs = toMs(known.lastHeartbeat);
      const freshMs = toMs(health.lastHeartbeat);
      if (knownMs !== undefined && (freshMs === undefined || freshMs < knownMs)) continue;
      const { capacity, usage, allocated, lastHeartbeat } = health;
      this.#nodes.set(health.nodeId, {
        ...known,
        status: health.status,
        ...(lastHeartbeat === undefined ? {} : { lastHeartbeat }),
        ...(capacity === undefined ? {} : { capacity }),
        ...(usage === undefined ? {} : { usage }),
        ...(allocated === undefined ? {} : { allocated }),
      });
    }
  }

  finish(): FleetState {
    if (this.#events.length > eventsMax) this.#events.splice(0, this.#events.length - eventsMax);
    this.#pruneMigrations();
    for (const id of this.#removed.keys()) {
      if (this.#removed.size <= removedMax) break;
      this.#removed.delete(id);
    }
    for (const id of this.#jobs.keys()) {
      if (this.#jobs.size <= jobsMax) break;
      this.#jobs.delete(id);
    }
    return {
      asOf: this.#asOf,
      nodes: this.#nodes,
      containers: this.#containers,
      alerts: this.#alerts,
      migrations: this.#migrations,
      events: this.#events,
      removed: this.#removed,
      jobs: this.#jobs,
    };
  }

  #job(job: Job): void {
    this.#jobs.delete(job.id);
    this.#jobs.set(job.id, job);
  }

  #remove(containerId: string, sequence: bigint): void {
    const known = this.#containers.get(containerId);
    if (known !== undefined && known.asOf > sequence) return;
    this.#containers.delete(containerId);
    this.#removed.delete(containerId);
    this.#removed.set(containerId, sequence);
  }

  #pruneMigrations(): void {
    if (this.#migrations.size <= endedMigrationsMax) return;
    const ended = [...this.#migrations.values()].filter(({ outcome }) => outcome !== MigrationOutcome.RUNNING);
    if (ended.length <= endedMigrationsMax) return;
    ended.sort((a, b) => (toMs(a.startedAt) ?? 0) - (toMs(b.startedAt) ?? 0));
    for (const { id } of ended.slice(0, ended.length - endedMigrationsMax)) this.#migrations.delete(id);
  }
}
