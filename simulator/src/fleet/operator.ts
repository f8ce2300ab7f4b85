import { Refusal } from "@lormas/coordinator/domain/refusal.ts";
import type { FleetRuntime } from "@lormas/coordinator/runtime/fleet-runtime.ts";
import type { NewContainer } from "@lormas/coordinator/runtime/operations.ts";
import type { SeededRandom } from "../random/seeded-random.ts";
import type { SimulatedFleet } from "./simulated-fleet.ts";

/** What a person may wish for. */
export const WISHES = [
  "create",
  "start",
  "stop",
  "restart",
  "migrate",
  "delete",
  "cordon",
  "uncordon",
  "drain",
  "maintain",
  "end maintenance",
] as const;
export type Wish = (typeof WISHES)[number];

const RETRY_MS = 200;
/** A question without an answer, since who was asked has died for example, is asked again. */
const ANSWER_MS = 5_000;

/** The people: they speak to whoever leads, and remember what was promised to them. */
export class Operator {
  readonly #fleet: SimulatedFleet;
  readonly #random: SeededRandom;
  /** Containers whose creation was acknowledged, and whose deletion was not asked for. */
  readonly containers: string[] = [];
  #created = 0;

  constructor(fleet: SimulatedFleet) {
    this.#fleet = fleet;
    this.#random = fleet.random("operator");
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

  /** One wish, about a container or node that `pick` chooses; what is refused is left. */
  wish(wish: Wish, pick: number): void {
    const { nodeId } = this.#fleet.nodes[pick % this.#fleet.nodes.length] ?? { nodeId: "" };
    switch (wish) {
      case "create":
        return this.create();
      case "cordon":
        return this.#ask(({ operators }) => operators.cordon(nodeId, "operator"));
      case "uncordon":
        return this.#ask(({ operators }) => operators.uncordon(nodeId, "operator"));
      case "drain":
        return this.#ask(({ operators }) => operators.drain(nodeId, "operator"));
      case "maintain": {
        const options = { untilMs: null, failback: pick % 2 === 0 };
        return this.#ask(({ operators }) => operators.startMaintenance(nodeId, options, "operator"));
      }
      case "end maintenance":
        return this.#ask(({ operators }) => operators.endMaintenance(nodeId, "operator"));
      default:
        return this.#wishContainer(wish, pick);
    }
  }

  /** Another policy for the cluster, of those that this fleet may have. */
  changePolicy(pick: number): void {
    const { policies, clusterId } = this.#fleet;
    const policy = policies[pick % policies.length];
    if (!policy) return;
    this.#ask(({ loop }) =>
      loop.submit((work) => {
        const cluster = work.cluster(clusterId);
        if (cluster) work.setCluster({ ...cluster, policy });
      }),
    );
  }

  /** The node may have containers again, whatever was wished for it before. */
  putIntoService(nodeId: string): void {
    this.#ask(async ({ operators }) => {
      await operators.endMaintenance(nodeId, "operator").catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error;
      });
      await operators.uncordon(nodeId, "operator");
    });
  }

  #wishContainer(wish: "start" | "stop" | "restart" | "migrate" | "delete", pick: number): void {
    const containerId = this.containers[pick % Math.max(1, this.containers.length)];
    if (containerId === undefined) return;
    if (wish === "delete") this.containers.splice(this.containers.indexOf(containerId), 1);
    this.#ask(({ operations }) => {
      switch (wish) {
        case "start":
          return operations.setDesired(containerId, "running", "operator");
        case "stop":
          return operations.setDesired(containerId, "stopped", "operator");
        case "delete":
          return operations.setDesired(containerId, "removed", "operator");
        case "restart":
          return operations.restart(containerId, "operator");
        case "migrate":
          return operations.migrate(containerId, null, "operator");
        default:
          return wish satisfies never;
      }
    });
  }

  /** A new container; nine of ten are HA. */
  create(): void {
    this.#created += 1;
    const wish = this.#newContainer(`c-${this.#created}`);
    this.#ask(async ({ operations }) => {
      const { containerId } = await operations.createContainer(wish, "operator");
      this.containers.push(containerId);
    });
  }

  /** Starts again what was given up, as a person would. */
  startAgain(containerId: string): void {
    this.#ask(({ operations }) => operations.setDesired(containerId, "running", "operator"));
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
          if (!(error instanceof Refusal)) throw error;
          // The answer may have been lost on the way: what is done already is refused as taken.
          once(error.code === "name_taken" ? done : again);
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
