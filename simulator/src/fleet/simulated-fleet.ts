import { SeededRandom } from "@lormas/chance/seeded-random.ts";
import { DEFAULT_LIMITS } from "@lormas/coordinator/domain/migration/migration-limits.ts";
import type { DecisionChanges } from "@lormas/coordinator/runtime/decision-store.ts";
import { deterministicId } from "@lormas/coordinator/runtime/deterministic-id.ts";
import { CLOCK_RATE_ERROR_MAX, type LeasePolicy, waitMs } from "@lormas/lease/lease-policy.ts";
import { presentEpoch } from "@lormas/lease/membership.ts";
import { HostClock } from "../clock/host-clock.ts";
import { SimulatedClock } from "../clock/simulated-clock.ts";
import type { Fencing } from "../coordinator/simulated-fence-hook.ts";
import { DATABASE_HOST } from "../database/database-session.ts";
import { SimulatedDatabase } from "../database/simulated-database.ts";
import { Cues } from "../faults/cue.ts";
import { NodeHost } from "../host/node-host.ts";
import { PowerBoard } from "../host/power-board.ts";
import { Connection, type ConnectionParts } from "../network/connection.ts";
import { LateReplay } from "../network/late-replay.ts";
import { Network } from "../network/network.ts";
import { PeerNetwork } from "../network/peer-network.ts";
import { RunLog } from "../report/run-log.ts";
import { CommitWatch } from "./commit-watch.ts";
import { CoordinatorHost } from "./coordinator-host.ts";
import { CopyWitness } from "./copy-witness.ts";
import { ExchangeWatch } from "./exchange-watch.ts";
import { MajoritySight } from "./majority-sight.ts";
import { noCounts } from "./run-counts.ts";
import { ServiceWatch } from "./service-watch.ts";
import { SurvivalWatch } from "./survival-watch.ts";
import { Troubles } from "./troubles.ts";

/** How a fleet is made. */
export type FleetOptions = {
  readonly seed: number;
  readonly nodes: number;
  readonly policy: LeasePolicy;
  /** Policies that operators may choose later. */
  readonly otherPolicies: readonly LeasePolicy[];
  readonly leaderTtlMs: number;
  readonly logged: boolean;
};

/** Whose connections are opened. */
type Dialler = {
  readonly nodeId: string;
  readonly name: string;
  readonly random: SeededRandom;
  readonly late: LateReplay;
};

const COORDINATORS = 2;
/** The share of K that a kill may take; the rest is for the timers that start it. */
const KILL_SHARE_MAX = 0.85;
const NODE_CPU_MILLIS = 1_000;
/** Of fleets, those that have a fence hook; and of their hosts, those whose power it can cut. */
const FENCE_HOOKS = 0.2;
const BOARDS = 0.85;

/** A whole fleet in one thread: two coordinators, a database, nodes, and the network between them. */
export class SimulatedFleet {
  readonly time = new SimulatedClock();
  readonly log: RunLog;
  readonly network: Network;
  readonly database: SimulatedDatabase;
  readonly coordinators: readonly CoordinatorHost[];
  readonly nodes: readonly NodeHost[];
  readonly clocks = new Map<string, HostClock>();
  readonly witness: CopyWitness;
  readonly exchanges: ExchangeWatch;
  readonly troubles: Troubles;
  readonly counts = noCounts();
  /** Moments that faults may wait for. */
  readonly cues = new Cues();
  readonly clusterId: string;
  /** What the cluster's policy may be in this run, the first one first. */
  readonly policies: readonly LeasePolicy[];
  /** Two nodes or more vote, or have once: before that there is no failover. */
  votes = false;
  /** The first promise that was broken; the run ends with it. */
  violation: string | null = null;
  readonly #seed: number;
  readonly #commits: CommitWatch;
  readonly #peers: PeerNetwork;
  readonly #survival: SurvivalWatch;
  readonly #service: ServiceWatch;
  readonly #boards = new Map<string, PowerBoard>();

  constructor(options: FleetOptions) {
    const { seed, policy, leaderTtlMs } = options;
    const { time } = this;
    this.#seed = seed;
    this.policies = [policy, ...options.otherPolicies];
    this.log = new RunLog(time, options.logged);
    this.network = new Network(time, this.random("network"));
    this.#peers = new PeerNetwork(this.network, (id) => this.nodes.find(({ nodeId }) => nodeId === id)?.name);
    this.database = new SimulatedDatabase(time, this.random("database"));
    this.witness = new CopyWitness((text) => this.fail(text));
    this.exchanges = new ExchangeWatch(time);
    const sight = new MajoritySight({
      network: this.network,
      peers: this.#peers,
      exchanges: this.exchanges,
      nodes: () => this.nodes,
      policies: this.policies,
    });
    this.#survival = new SurvivalWatch({
      sight,
      exchanges: this.exchanges,
      nodes: () => this.nodes,
      counts: this.counts,
      note: (who, text) => this.log.note(who, text),
      fail: (text) => this.fail(text),
    });
    this.exchanges.onOutage(sight.hardLeaseMs, (fromMs) => this.#survival.outageEnds(fromMs));
    this.troubles = new Troubles(time);
    const fencing = this.random("fencing");
    const fences = fencing.chance(FENCE_HOOKS);
    this.clusterId = deterministicId("simulated cluster");
    this.#commits = new CommitWatch({
      fleet: this.database.fleet,
      exchanges: this.exchanges,
      leaseMinMs: Math.min(...this.policies.map(({ leaseMs }) => leaseMs)),
      waitMinMs: Math.min(...this.policies.map(waitMs)),
      counts: this.counts,
      note: (who, text) => this.log.note(who, text),
      on: this.log.on,
      fail: (text) => this.fail(text),
    });
    const cluster = {
      id: this.clusterId,
      name: "local",
      policy,
      autoMigrate: true,
      allowOtherClusters: false,
      nPlusOne: "off" as const,
      placement: "spread" as const,
      description: "",
      createdAtMs: 0,
      limits: DEFAULT_LIMITS,
    };
    this.database.fleet.clusters.set(cluster.id, cluster);
    this.coordinators = Array.from(
      { length: COORDINATORS },
      (_, index) =>
        new CoordinatorHost({
          name: `coordinator-${index + 1}`,
          time,
          clock: this.#clockOf(`coordinator-${index + 1}`),
          network: this.network,
          database: this.database,
          leaderTtlMs,
          random: (concern) => this.random(`coordinator-${index + 1} ${concern}`),
          log: this.log,
          fencing: fences ? this.#fencing() : null,
          onCommit: (changes, term, process) => this.#onCommit(changes, term, process),
        }),
    );
    this.#service = new ServiceWatch({
      network: this.network,
      exchanges: this.exchanges,
      troubles: this.troubles,
      coordinators: this.coordinators,
      fail: (text) => this.fail(text),
    });
    this.nodes = Array.from({ length: options.nodes }, (_, index) => this.#node(index));
    for (const node of this.nodes) {
      const board = new PowerBoard(node, time, this.random(`${node.name} board`));
      if (fencing.chance(BOARDS)) this.#boards.set(node.nodeId, board);
    }
  }

  /** A stream of numbers for one concern. */
  random(concern: string): SeededRandom {
    return new SeededRandom(this.#seed, concern);
  }

  /** Ends the counting of what is counted only at the end of things. */
  countUp(): void {
    for (const { agent } of this.nodes) if (agent?.process.alive) this.counts["votes granted"] += agent.votes;
  }

  /** A promise is broken; the first one counts. */
  fail(text: string): void {
    this.violation ??= text;
    this.log.note("VIOLATION", text);
  }

  /** The coordinator that leads, as far as it knows itself. */
  leader(): CoordinatorHost | undefined {
    return this.coordinators.find((host) => host.leads);
  }

  hosts(): string[] {
    return [...this.coordinators.map(({ name }) => name), DATABASE_HOST, ...this.nodes.map(({ name }) => name)];
  }

  /** Runs until so much true time has passed, `done` says so, or a promise is broken. */
  run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    let over = false;
    this.time.after(untilMs - this.time.nowMs(), "world", "stop", () => {
      over = true;
    });
    return this.time
      .run(() => over || this.violation !== null || done())
      .catch((error: unknown) => this.fail(`an event failed: ${error instanceof Error ? error.message : error}`));
  }

  #clockOf(host: string): HostClock {
    const random = this.random(`clock ${host}`);
    // Half of all hosts are at one of the ends: what is wrong by a little in between shows there.
    const error = random.chance(0.5) ? (random.chance(0.5) ? 1 : -1) : random.between(-1, 1);
    const clock = new HostClock(this.time, {
      rate: 1 + error * CLOCK_RATE_ERROR_MAX,
      stepMs: random.chance(0.5) ? 10 : 1,
      wallOffsetMs: random.between(-600_000, 600_000),
    });
    this.clocks.set(host, clock);
    return clock;
  }

  #fencing(): Fencing {
    return {
      boardOf: (nodeId) => this.#boards.get(nodeId),
      onCall: (process, nodeName) => {
        this.counts["fence hook calls"] += 1;
        this.log.note(process, `calls the fence hook for ${nodeName}`);
      },
    };
  }

  #node(index: number): NodeHost {
    const name = `node-${index + 1}`;
    const nodeId = deterministicId("simulated node", index);
    const dialling = this.random(`${name} dialling`);
    const late = new LateReplay(() => {
      this.counts["messages repeated"] += 1;
    });
    const node: NodeHost = new NodeHost({
      nodeId,
      name,
      address: `127.0.1.${index + 1}`,
      capacity: { cpuMillis: NODE_CPU_MILLIS, memoryBytes: 8_000_000_000n, diskBytes: 100_000_000_000n },
      time: this.time,
      clock: this.#clockOf(name),
      random: (concern) => this.random(`${name} ${concern}`),
      log: this.log,
      onExecuting: (copy) => {
        if (this.log.on) {
          const what = copy.executing ? "runs" : copy.state === "running" ? "is frozen" : "has ended";
          this.log.note(name, `${copy.spec.containerName} ${what} (epoch ${copy.epoch}, session ${copy.session})`);
        }
        this.witness.see(copy);
      },
      onStartAsked: () => this.cues.tell("start", name),
      dial: (client, turn) => this.#dial(client, turn, { nodeId, name, random: dialling, late }),
      peers: (process) => this.#peers.plane(name, process),
      onVotes: (votes) => {
        this.counts["votes granted"] += votes;
      },
      onKill: (copies) => {
        this.counts["guard kills"] += copies;
        this.#survival.killed(node);
        this.#service.killed(node);
      },
    });
    // Half of all hosts need nearly all of the time that they have for it.
    const killing = this.random(`${name} killing`);
    const killMaxMs = KILL_SHARE_MAX * Math.min(...this.policies.map(({ killMs }) => killMs));
    node.engine.killDelayMaxMs = killing.chance(0.5) ? killMaxMs : killing.logBetween(1, killMaxMs);
    return node;
  }

  #dial(client: ConnectionParts["client"], turn: number, { nodeId, name, random, late }: Dialler): Connection {
    const host = this.coordinators[turn % this.coordinators.length] as CoordinatorHost; // There are some.
    return new Connection({
      network: this.network,
      random,
      late,
      client,
      serverHost: host.name,
      listening: () => {
        const { present } = host;
        return present && { process: present.process, host: host.name, accept: present.accept(nodeId, name) };
      },
      onGoodbye: () => this.cues.tell("goodbye", name),
      onMessage: (from, to, message) => this.exchanges.see(nodeId, from, to, message, this),
    });
  }

  #onCommit(changes: DecisionChanges, term: number, process: string): void {
    this.#commits.see(changes, term, process);
    if (changes.memberships.length > 0) this.cues.tell("epoch", null);
    if (changes.memberships.some(({ history }) => presentEpoch(history).voters.length > 0)) this.votes = true;
  }
}
