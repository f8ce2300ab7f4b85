import { randomUUID } from "node:crypto";
import { FakeAgents } from "@lormas/coordinator/runtime/fake-agents.ts";
import { haContainer } from "@lormas/coordinator/runtime/fleet-rig.ts";
import type { FleetRuntime } from "@lormas/coordinator/runtime/fleet-runtime.ts";
import { systemClock } from "@lormas/coordinator/runtime/system-clock.ts";
import { seedFirstCluster } from "@lormas/coordinator/store/seed-first-cluster.ts";
import { benchDatabase, benchPostgres, benchRuntime, enrolNode } from "../fleet/seeded-fleet.ts";
import { until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { RecordingStore } from "./recording-store.ts";

const BEAT_MS = 100;
const WAIT_MS = 120_000;
/** More than there are containers: nothing waits for a turn. */
const NO_LIMIT = 10_000;

/** A runtime that decides in this process, on a PostgreSQL with fsync on, for agents that answer at once. */
export class DecidingFleet {
  readonly url: string;
  readonly store: RecordingStore;
  readonly runtime: FleetRuntime;
  readonly agents: FakeAgents;
  readonly nodeIds: readonly string[];
  readonly #clusterId: string;

  private constructor(
    parts: Pick<DecidingFleet, "url" | "store" | "runtime" | "agents" | "nodeIds">,
    clusterId: string,
  ) {
    this.url = parts.url;
    this.store = parts.store;
    this.runtime = parts.runtime;
    this.agents = parts.agents;
    this.nodeIds = parts.nodeIds;
    this.#clusterId = clusterId;
  }

  /** So many nodes, connected and beating. The runtime ends with `part`; the database lives as long as `databasePart`. */
  static async start(databasePart: BenchRun, part: BenchRun, nodes: number): Promise<DecidingFleet> {
    const url = await benchPostgres(databasePart);
    const database = await benchDatabase(part, url);
    const clusterId = randomUUID();
    await seedFirstCluster(
      database,
      { clusterName: "local", profile: "lan" },
      { newId: () => clusterId, wallMs: systemClock.wallMs },
    );
    const agents = new FakeAgents(systemClock);
    const store = new RecordingStore(database);
    const runtime = await benchRuntime(part, database, agents, store);
    const beats = setInterval(() => {
      for (const node of agents.nodes.values()) if (node.attached) agents.beat(node.nodeId);
    }, BEAT_MS);
    part.defer(() => clearInterval(beats));
    const nodeIds: string[] = [];
    for (let number = 1; number <= nodes; number += 1) {
      const nodeId = await enrolNode({ number, clusterId, database, runtime }, "");
      const capacity = { cpuMillis: 1e6, memoryBytes: 1e12, diskBytes: 1e12 };
      await agents.connect(nodeId, { capacity, portPoolMax: 60_000 });
      nodeIds.push(nodeId);
    }
    return new DecidingFleet({ url, store, runtime, agents, nodeIds }, clusterId);
  }

  /** Creates containers all at once. Their ids, and milliseconds until all were acknowledged and until all ran. */
  async create(count: number): Promise<{ ids: string[]; acknowledgedMs: number; runningMs: number }> {
    const begunMs = performance.now();
    const created = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        this.runtime.operations.createContainer(haContainer(`c-${index}`), "bench"),
      ),
    );
    const acknowledgedMs = performance.now() - begunMs;
    await this.allRun(count);
    return {
      ids: created.map(({ containerId }) => containerId),
      acknowledgedMs,
      runningMs: performance.now() - begunMs,
    };
  }

  /** Lets every migration begin at once. */
  async liftLimits(): Promise<void> {
    const limits = { migrationsAtOnce: NO_LIMIT, migrationsPerTarget: NO_LIMIT, failoversPerTarget: NO_LIMIT };
    await this.runtime.clusters.updateCluster(this.#clusterId, { limits }, "bench");
  }

  /** The node on which most containers are. */
  fullestNode(): string {
    const held = (nodeId: string): number => this.runtime.state.room(nodeId).holders.size;
    return this.nodeIds.reduce((fullest, nodeId) => (held(nodeId) > held(fullest) ? nodeId : fullest));
  }

  /** A node loses power. How many containers were on it, and milliseconds until it is dead and from then until all run again. */
  async loseNode(nodeId: string, containers: number): Promise<{ victims: number; deadMs: number; movedMs: number }> {
    const victims = this.runtime.state.room(nodeId).holders.size;
    const begunMs = performance.now();
    this.agents.powerOff(nodeId);
    await until("the node is dead", WAIT_MS, () => this.runtime.state.node(nodeId)?.snapshot.value === "dead", 1);
    const deadMs = performance.now() - begunMs;
    await this.allRun(containers);
    return { victims, deadMs, movedMs: performance.now() - begunMs - deadMs };
  }

  async allRun(count: number): Promise<void> {
    await until(`${count} containers run`, WAIT_MS, () => this.#running() === count, 2);
  }

  #running(): number {
    let count = 0;
    for (const { snapshot } of this.runtime.state.containers()) if (snapshot.value.life === "running") count += 1;
    return count;
  }
}
