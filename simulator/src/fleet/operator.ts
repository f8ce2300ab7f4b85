import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import { lifeState } from "@lormas/coordinator/domain/container/container-status.ts";
import { DEFAULT_LIMITS, type MigrationLimits } from "@lormas/coordinator/domain/migration/migration-limits.ts";
import type { NodeDemands } from "@lormas/coordinator/domain/placement/node-demands.ts";
import { Refusal } from "@lormas/coordinator/domain/refusal.ts";
import type { ClusterChange } from "@lormas/coordinator/runtime/cluster-wishes.ts";
import { migrationId } from "@lormas/coordinator/runtime/deterministic-id.ts";
import type { FleetRuntime } from "@lormas/coordinator/runtime/fleet-runtime.ts";
import type { ClusterRecord } from "@lormas/coordinator/runtime/fleet-view.ts";
import type { NewContainer } from "@lormas/coordinator/runtime/operations.ts";
import { suspensionAlert } from "@lormas/coordinator/runtime/suspension-keeper.ts";
import type { SimulatedFleet } from "./simulated-fleet.ts";
import { type Desired, ToldPeople } from "./told-people.ts";
import type { ContainerWish, Wish } from "./wish.ts";

const RETRY_MS = 200;
/** A question without an answer, since who was asked has died for example, is asked again. */
const ANSWER_MS = 5_000;
/** Who is not sure of having been heard asks at once again: one wish of so many. */
const ASKED_TWICE_OF = 7;
/** Of wishes about a container, one of so many is about one that is being moved, where there is one. */
const ABOUT_MOVING_OF = 3;
/** With one wish of so many somebody labels a node as well, with a zone that some containers are kept out of, or another. */
const LABELLED_OF = 6;
/** Of the containers, those that are kept out of zone b. */
const PICKY = 0.25;
const OUT_OF_B: NodeDemands = { constraints: [{ key: "zone", operator: "not_in", values: ["b"] }], architectures: [] };
const BY = "operator";
const NOBODY = "00000000-0000-0000-0000-000000000000";
/** States of a container's life in which somebody may be tempted to start it. */
const GIVEN_UP: ReadonlySet<string> = new Set(["failed", "lost", "stranded", "unplaced"]);

/** The people: they speak to whoever leads, and remember what was promised to them. */
export class Operator {
  readonly told = new ToldPeople();
  readonly #fleet: SimulatedFleet;
  readonly #random: SeededRandom;
  readonly #demands: SeededRandom;
  #created = 0;

  constructor(fleet: SimulatedFleet) {
    this.#fleet = fleet;
    this.#random = fleet.random("operator");
    this.#demands = fleet.random("demands");
  }

  /** Enrols every node and starts its agent once that is acknowledged. */
  enrolAll(): void {
    const { nodes, clusterId } = this.#fleet;
    for (const node of nodes) {
      const { nodeId, name } = node;
      const enrolled = { nodeId, name, agentVersion: "1", tokenHash: clusterId, certificateSerial: name };
      this.#until(
        ({ operations }) => operations.enrolNode(enrolled),
        () => node.enrolled(),
      );
    }
  }

  /** One wish, about what `pick` chooses; what is refused is left. */
  wish(wish: Wish, pick: number): void {
    if (pick % LABELLED_OF === 0) this.#label(this.#nodeOf(pick).nodeId, pick % (2 * LABELLED_OF) === 0 ? "b" : "a");
    this.#wish(wish, pick);
    if (pick % ASKED_TWICE_OF === 0 && wish !== "create") this.#wish(wish, pick);
  }

  /** Another policy for the cluster, of those that this fleet may have. */
  changePolicy(pick: number): void {
    const { policies } = this.#fleet;
    const profile = policies[pick % policies.length]?.profile;
    if (profile !== undefined) this.#changeCluster({ policy: { profile } });
  }

  /** The node may have containers again, whatever was wished for it before. */
  putIntoService(nodeId: string): void {
    this.#ask(async ({ operators }) => {
      await operators.endMaintenance(nodeId, BY).catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error;
      });
      await operators.uncordon(nodeId, BY);
    });
  }

  /** No container is kept out of it any more. */
  takeLabelsAway(nodeId: string): void {
    this.#label(nodeId, null);
  }

  /** The cluster takes care of itself again, whatever was wished for it before. */
  restoreCluster(): void {
    this.#changeCluster({ autoMigrate: true, nPlusOne: "off", survival: true });
  }

  /** A new container; nine of ten are HA. */
  create(): void {
    this.#created += 1;
    const wish = this.#newContainer(`c-${this.#created}`);
    this.#ask(async ({ operations }) => {
      const { containerId } = await operations.createContainer(wish, BY);
      this.told.containers.push(containerId);
    });
  }

  /** Starts again what was given up, as a person would. */
  startAgain(containerId: string): void {
    this.#want(containerId, "running");
  }

  /** Moves what stayed on a dead node because people had wanted it so, as they would. */
  moveAgain(containerId: string): void {
    this.#ask(({ operations }) => operations.migrate(containerId, null, BY));
  }

  #wish(wish: Wish, pick: number): void {
    const { nodeId } = this.#nodeOf(pick);
    switch (wish) {
      case "create":
        return this.create();
      case "cordon":
        return this.#ask(({ operators }) => operators.cordon(nodeId, BY));
      case "uncordon":
        return this.#ask(({ operators }) => operators.uncordon(nodeId, BY));
      case "drain":
        return this.#ask(({ operators }) => operators.drain(nodeId, BY));
      case "maintain": {
        const options = { untilMs: null, failback: pick % 2 === 0 };
        return this.#ask(({ operators }) => operators.startMaintenance(nodeId, options, BY));
      }
      case "end maintenance":
        return this.#ask(({ operators }) => operators.endMaintenance(nodeId, BY));
      case "acknowledge alert":
        return this.#ask(async ({ operators, state }) => {
          const alerts = [...state.unresolvedAlerts()];
          const alert = alerts[pick % Math.max(1, alerts.length)];
          if (alert) await operators.acknowledgeAlert(alert.id, BY);
        });
      case "change limits":
        return this.#changeCluster({ limits: limitsBy(pick) });
      case "change N+1":
        return this.#changeCluster({ nPlusOne: (["off", "warn", "refuse"] as const)[pick % 3] ?? "off" });
      case "switch automatic migration":
        this.told.switchedMigration = true;
        return this.#switch((cluster) => ({ autoMigrate: !cluster.autoMigrate }));
      case "switch survival":
        return this.#switch((cluster) => ({ survival: !cluster.policy.survival }));
      case "override":
        return this.#override();
      default:
        return this.#wishContainer(wish, pick);
    }
  }

  #wishContainer(wish: ContainerWish, pick: number): void {
    const containerId = wish === "start again" ? this.#givenUp(pick) : this.#containerOf(pick);
    if (containerId === undefined) return;
    switch (wish) {
      case "start":
      case "start again":
        return this.#want(containerId, "running");
      case "stop":
        return this.#want(containerId, "stopped");
      case "kill":
        return this.#want(containerId, "stopped", ({ operations }) => operations.kill(containerId, BY));
      case "delete": {
        const { containers } = this.told;
        const place = containers.indexOf(containerId);
        if (place >= 0) containers.splice(place, 1);
        return this.#want(containerId, "removed");
      }
      case "change type":
        return this.#changeType(containerId);
      case "restart":
        return this.#ask(({ operations }) => operations.restart(containerId, BY));
      case "migrate":
        return this.#ask(({ operations }) => operations.migrate(containerId, null, BY));
      case "migrate to":
        return this.#ask(({ operations }) => operations.migrate(containerId, this.#nodeOf(pick).nodeId, BY));
      case "cancel migration":
        return this.#ask(async ({ operations, state }) => {
          const move = state.container(containerId)?.snapshot.context.lastMove ?? 0;
          const id = migrationId(containerId, move);
          this.told.askedToCancel.add(id);
          await operations.cancelMigration(id, containerId, BY);
          this.told.cancelled.add(id);
        });
      default:
        return wish satisfies never;
    }
  }

  #label(nodeId: string, zone: string | null): void {
    const labels = zone === null ? { set: {}, remove: ["zone"] } : { set: { zone }, remove: [] };
    this.#ask(({ operators }) => operators.update(nodeId, { labels }, BY));
  }

  /** Standard becomes HA, and the reverse; refused unless no copy can run. */
  #changeType(containerId: string): void {
    this.#ask(async ({ operations, state }) => {
      const container = state.container(containerId);
      if (!container) return;
      const { environment, spec } = container.facts;
      const { ha, resources } = container.snapshot.context;
      const remake = { ha: !ha, environment, resources, spec, before: { ha, resources, environment } };
      await operations.updateContainer(containerId, { tuning: {}, remake }, BY);
    });
  }

  #want(
    containerId: string,
    desired: Desired,
    ask = ({ operations }: FleetRuntime): Promise<unknown> => operations.setDesired(containerId, desired, BY),
  ): void {
    if (!this.#fleet.leader()) return;
    const granted = this.told.wants(containerId, desired);
    this.#ask(async (runtime) => {
      await ask(runtime);
      granted();
    });
  }

  #changeCluster(change: ClusterChange): void {
    this.#ask(({ clusters }) => clusters.updateCluster(this.#fleet.clusterId, change, BY));
  }

  #switch(change: (present: ClusterRecord) => ClusterChange): void {
    this.#ask(async ({ clusters, state }) => {
      const present = state.cluster(this.#fleet.clusterId);
      if (present) await clusters.updateCluster(present.id, change(present), BY);
    });
  }

  /**
   * A person's word that silent nodes are off for certain. It is given only when it is true: of those that the group's alert
   * names, or of all where there is none, the ones whose hosts have no power. Whoever gives it for a host that runs breaks the
   * promise himself.
   */
  #override(): void {
    const { nodes, clusterId } = this.#fleet;
    this.#ask(async ({ clusters, state }) => {
      const silent = suspensionAlert(state, clusterId)?.data["silent"];
      const named = Array.isArray(silent) ? nodes.filter(({ name }) => silent.includes(name)) : nodes;
      const off = named.filter(({ powered }) => !powered).map(({ nodeId }) => nodeId);
      if (off.length > 0) await clusters.overrideSuspension(clusterId, off, "the hosts have no power", BY);
    });
  }

  #nodeOf(pick: number): { readonly nodeId: string } {
    return this.#fleet.nodes[pick % this.#fleet.nodes.length] ?? { nodeId: NOBODY };
  }

  #containerOf(pick: number): string | undefined {
    const moving = pick % ABOUT_MOVING_OF === 0 ? (this.#fleet.leader()?.present?.runtime.state.moving() ?? []) : [];
    const among = moving.length > 0 ? moving : this.told.containers;
    return among[pick % Math.max(1, among.length)];
  }

  /** A container that was given up, or waits for a node that is dead. */
  #givenUp(pick: number): string | undefined {
    const state = this.#fleet.leader()?.present?.runtime.state;
    const down = [...(state?.containers() ?? [])].filter(({ snapshot }) => GIVEN_UP.has(lifeState(snapshot)));
    return down[pick % Math.max(1, down.length)]?.facts.id;
  }

  #newContainer(name: string): NewContainer {
    const random = this.#random;
    return {
      name,
      eggId: "simulated",
      ha: random.chance(0.9),
      preferredClusterId: null,
      resources: { cpuMillis: 50 + 50 * random.below(4), memoryBytes: 64_000_000, diskBytes: 0 },
      environment: {},
      spec: {
        image: "simulated",
        startup: { docker: "run" },
        env: {},
        ports: [{ name: "http", containerPort: 80, protocol: "tcp", fixedHostPort: null }],
        volumes: [],
        stop: { signal: "SIGTERM", graceMs: 1_000 },
        health: random.chance(0.3)
          ? { kind: "command", portName: "", path: "", command: "true", intervalMs: 500, timeoutMs: 1_000 }
          : null,
        startBudgetMs: 5_000,
      },
      desired: random.chance(0.95) ? "running" : "stopped",
      allowDataLoss: false,
      ...(this.#demands.chance(PICKY) ? { demands: OUT_OF_B } : {}),
    };
  }

  /** Asks until it is acknowledged. */
  #until(ask: (runtime: FleetRuntime) => Promise<unknown>, done: () => void): void {
    const { time } = this.#fleet;
    const again = (): void => void time.after(RETRY_MS, "operator", "asks again", () => this.#until(ask, done));
    const leader = this.#fleet.leader()?.present;
    if (!leader) return again();
    let open = true;
    const once = (next: () => void): void => {
      if (open) next();
      open = false;
    };
    time.after(ANSWER_MS, "operator", "has no answer", () => once(again));
    leader.process.enter(() => {
      ask(leader.runtime).then(
        () => once(done),
        (error: unknown) => {
          // The answer may have been lost on the way: what is done already is refused as taken. What the database has kept
          // from being done is asked for again, as an agent does that wants to be enrolled.
          once(error instanceof Refusal && error.code === "name_taken" ? done : again);
        },
      );
    });
  }

  /** Asks once; whether it is granted is the leader's business. */
  #ask(ask: (runtime: FleetRuntime) => Promise<unknown>): void {
    const leader = this.#fleet.leader()?.present;
    if (!leader) return;
    this.#fleet.counts["operator actions"] += 1;
    leader.process.enter(() => {
      ask(leader.runtime).catch((error: unknown) => {
        if (!(error instanceof Refusal)) this.#fleet.fail(`an operation failed: ${String(error)}`);
      });
    });
  }
}

/** Few at a time, or as it was by default. */
function limitsBy(pick: number): MigrationLimits {
  if (pick % 4 === 0) return DEFAULT_LIMITS;
  return { migrationsAtOnce: 1 + (pick % 3), migrationsPerTarget: 1 + (pick % 2), failoversPerTarget: 1 + (pick % 4) };
}
