import type { Alert, Cluster, Container, Event, Migration, Node } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { AlertState, MigrationOutcome } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Job } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { ApiError } from "../api/api-error.ts";
import { toMs } from "../format/time.ts";
import { after, clock, random, sleep } from "./clock.svelte.ts";
import { type Freshness, freshness, noConnection } from "./connection.ts";
import { fleetSource, listClusters } from "./fleet-source.ts";
import { emptyFleet, type FleetState } from "./fleet-state.ts";
import { FleetWatch } from "./fleet-watch.ts";
import { whileLookedAt } from "./while-looked-at.ts";

/** "node-2" before "node-10"; one collator, since localeCompare would make one a comparison. */
const collator = new Intl.Collator("en", { numeric: true });
const byName = (a: { name: string }, b: { name: string }) => collator.compare(a.name, b.name);
const byWeight = (a: Alert, b: Alert) => b.severity - a.severity || (toMs(b.openedAt) ?? 0) - (toMs(a.openedAt) ?? 0);
const byStart = (a: Migration, b: Migration) => (toMs(b.startedAt) ?? 0) - (toMs(a.startedAt) ?? 0);

/** A session that is refused this soon after it was taken for good is over, whatever else says that it is not. */
const refusedAgainMs = 10_000;

/** What every page reads: the fleet as it is now, and how far that can be relied on. One per tab. */
class Fleet {
  #state = $state.raw<FleetState>(emptyFleet);
  #connection = $state.raw(noConnection);
  #clusters = $state.raw<readonly Cluster[]>([]);
  #listed = $state(false);
  #watch: FleetWatch | undefined;

  readonly nodes: readonly Node[] = $derived([...this.#state.nodes.values()].sort(byName));
  readonly containers: readonly Container[] = $derived([...this.#state.containers.values()].sort(byName));
  /** Newest first. */
  readonly migrations: readonly Migration[] = $derived([...this.#state.migrations.values()].sort(byStart));
  /** Those under way, newest first. */
  readonly running: readonly Migration[] = $derived(
    this.migrations.filter(({ outcome }) => outcome === MigrationOutcome.RUNNING),
  );
  /** What is wrong, the worst first, then the newest. */
  readonly alerts: readonly Alert[] = $derived([...this.#state.alerts.values()].sort(byWeight));
  /** How many of them nobody has taken on. */
  readonly openAlerts: number = $derived(this.alerts.filter(({ state }) => state === AlertState.OPEN).length);
  /** Newest first. */
  readonly events: readonly Event[] = $derived(this.#state.events.toReversed());
  readonly freshness: Freshness = $derived(freshness(this.#connection, clock.now));

  /** True once everything was listed; before that, an empty list means nothing. */
  get listed(): boolean {
    return this.#listed;
  }

  get connection() {
    return this.#connection;
  }

  /** By name; policies and bounds, read once a session. */
  get clusters(): readonly Cluster[] {
    return this.#clusters;
  }

  /** A node by id or name. */
  node(key: string): Node | undefined {
    return this.#state.nodes.get(key) ?? this.nodes.find(({ name }) => name === key);
  }

  /** A container by id or name. */
  container(key: string): Container | undefined {
    return this.#state.containers.get(key) ?? this.containers.find(({ name }) => name === key);
  }

  /** True when the container with this id was removed while the page was open. */
  wasRemoved(id: string): boolean {
    return this.#state.removed.has(id);
  }

  /** A migration by id, when it is among those kept. */
  migration(id: string): Migration | undefined {
    return this.#state.migrations.get(id);
  }

  /** A job as the stream brought it last, when it did and it is among those kept. */
  job(id: string): Job | undefined {
    return this.#state.jobs.get(id);
  }

  /** The cluster of that id. */
  cluster(id: string): Cluster | undefined {
    return this.#clusters.find((cluster) => cluster.id === id);
  }

  /**
   * Begins to watch; the answer ends it. A refused session is told, and whoever is told says whether it goes on: a session may have
   * been replaced by another one of the same person. What is refused again at once is over.
   */
  start(onRefused: (error: ApiError, again: boolean) => Promise<boolean>): () => void {
    const stop = new AbortController();
    let looked = stop.signal;
    let goneOnMs = Number.NEGATIVE_INFINITY;
    const watch = new FleetWatch(
      fleetSource,
      { read: () => clock.read(), sleep, after, random },
      {
        onState: (state, listed) => {
          this.#state = state;
          if (!listed) return;
          this.#listed = true;
          this.#readClusters(stop.signal);
        },
        onConnection: (connection) => {
          this.#connection = connection;
        },
        onRefused: (error) => {
          const again = clock.read() - goneOnMs < refusedAgainMs;
          void onRefused(error, again).then((goesOn) => {
            if (!goesOn || looked.aborted) return;
            goneOnMs = clock.read();
            void watch.run(looked);
          });
        },
      },
    );
    this.#watch = watch;
    const release = whileLookedAt((signal) => {
      looked = AbortSignal.any([signal, stop.signal]);
      void watch.run(looked);
    });
    return () => {
      stop.abort();
      release();
      this.#watch = undefined;
      this.#state = emptyFleet;
      this.#connection = noConnection;
      this.#clusters = [];
      this.#listed = false;
    };
  }

  /** Shows the answer to a call at once. */
  take(answer: {
    readonly container?: Container | undefined;
    readonly migration?: Migration | undefined;
    readonly node?: Node | undefined;
    readonly alert?: Alert | undefined;
  }): void {
    if (answer.node !== undefined) this.#watch?.take({ kind: "node", node: answer.node });
    if (answer.alert !== undefined) this.#watch?.take({ kind: "alert", alert: answer.alert });
    if (answer.container !== undefined) this.#watch?.take({ kind: "container", container: answer.container });
    if (answer.migration !== undefined) this.#watch?.take({ kind: "migration", migration: answer.migration });
  }

  #readClusters(signal: AbortSignal): void {
    listClusters(signal).then(
      (clusters) => {
        this.#clusters = clusters;
      },
      () => {
        // Bounds are left out where the policy is not known; the watch reports what is wrong with the connection.
      },
    );
  }
}

/** The fleet of this tab. */
export const fleet = new Fleet();
