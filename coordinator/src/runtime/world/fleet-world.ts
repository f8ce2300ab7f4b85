import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { type ContainerSnapshot, containerMachine } from "../../domain/container/container-machine.ts";
import { lifeState, migrationStatus } from "../../domain/container/container-status.ts";
import { DEFAULT_LIMITS, type MigrationLimits } from "../../domain/migration/migration-limits.ts";
import { nodeMachine } from "../../domain/node/node-machine.ts";
import { portKey } from "../../domain/placement/choose-node.ts";
import { Refusal } from "../../domain/refusal.ts";
import { testKeyring } from "../../secrets/test-keyring.ts";
import { FleetIntake } from "../fleet-intake.ts";
import { FleetOperations } from "../fleet-operations.ts";
import { FleetState } from "../fleet-state.ts";
import type { ContainerRecord } from "../fleet-view.ts";
import { UnitOfWork } from "../unit-of-work.ts";
import { type WorldMessage, WorldNode } from "./world-node.ts";
import { WorldRecords } from "./world-records.ts";

/** Numbers from a seed (mulberry32), so that a run replays exactly. */
export function seeded(seed: number): (below: number) => number {
  let a = seed >>> 0;
  return (below) => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** The innermost state of the migration under way: "preparing", "rolling_back.closing_target". */
export function migrationStep({ value }: ContainerSnapshot): string {
  const path: string[] = [];
  for (let at: unknown = value.migration; ; ) {
    if (typeof at === "string") return [...path, at].slice(1).join(".");
    const [[name, inner] = ["", ""]] = Object.entries(at as object);
    path.push(name);
    at = inner;
  }
}

/**
 * A small fleet in one thread: the coordinator's own decisions (actors, placement, intake, operations) over state in
 * memory, and hosts with agents that obey the fencing rules. Nothing happens by itself: a test takes one step after
 * another, in any order, and every step leaves the world checked.
 */
export class FleetWorld {
  readonly state = new FleetState();
  readonly records = new WorldRecords();
  readonly nodes = new Map<string, WorldNode>();
  readonly operations: FleetOperations;
  readonly intake: FleetIntake;
  /** The next commits fail: not stored, or stored without anybody being told. */
  commitFate: () => "stored" | "lost" | "unconfirmed" = () => "stored";
  nowMs = 1_700_000_000_000;
  readonly #served = new Map<string, string>();
  /** The node that has a container's data. */
  readonly #data = new Map<string, string>();
  #term = 1;
  #incarnations = 0;
  #decisions = 0;
  #containers = 0;

  constructor() {
    const loop = { quiet: true, submit: <T>(decide: (work: UnitOfWork) => T): Promise<T> => this.submit(decide) };
    this.operations = new FleetOperations({
      loop,
      newId: () => `container-${++this.#containers}`,
      tokenCluster: async (hash) => hash,
    });
    this.intake = new FleetIntake({
      loop,
      state: this.state,
      keyring: testKeyring(),
      term: () => this.#term,
      membershipOf: () => ({ epoch: 1, voters: [], policy: LEASE_PROFILES.default }),
      sendPending: (nodeId) => this.#sendPending(nodeId),
      watch: {
        introduce: (nodeId, incarnation) => void this.#served.set(nodeId, incarnation),
        heartbeat: () => true,
        sessionEnded: (nodeId) => void this.#served.delete(nodeId),
        servedIncarnation: (nodeId) => this.#served.get(nodeId) ?? null,
        lastHeartbeatWallMs: () => this.nowMs,
        clockSound: () => true,
      },
    });
  }

  addCluster(
    id: string,
    change: { autoMigrate: boolean; allowOtherClusters: boolean; limits?: Partial<MigrationLimits> },
  ): void {
    const limits = { ...DEFAULT_LIMITS, ...change.limits };
    this.state.applyCluster({
      id,
      name: id,
      description: "",
      policy: LEASE_PROFILES.default,
      nPlusOne: "warn",
      placement: "spread",
      createdAtMs: 0,
      ...change,
      limits,
    });
  }

  async addNode(clusterId: string, cpuMillis: number): Promise<void> {
    const id = `node-${this.nodes.size + 1}`;
    this.nodes.set(id, new WorldNode(id, id));
    const identity = { nodeId: id, name: id, agentVersion: "1", certificateSerial: id };
    await this.operations.enrolNode({ ...identity, tokenHash: clusterId });
    this.#capacity.set(id, cpuMillis);
    await this.attach(id);
  }

  readonly #capacity = new Map<string, number>();

  node(id: string): WorldNode {
    const node = this.nodes.get(id);
    if (!node) throw new Error(`no node ${id}`);
    return node;
  }

  chart(nodeId: string): string {
    return String(this.state.node(nodeId)?.snapshot.value);
  }

  container(id: string): ContainerRecord | undefined {
    return this.state.container(id);
  }

  containers(): ContainerRecord[] {
    return [...this.state.containers()];
  }

  /** Decides, commits and acts, as the decision loop does; one decision a commit. */
  async submit<T>(decide: (work: UnitOfWork) => T): Promise<T> {
    const work = new UnitOfWork(this.state, this.nowMs, this.#term, "");
    const inner = new UnitOfWork(work, this.nowMs, this.#term, `decision-${this.#term}-${++this.#decisions}`);
    const value = decide(inner);
    inner.settle();
    work.merge(inner);
    const changes = work.changes(this.state.newestSequence, this.state.newestPosition);
    const fate = this.commitFate();
    const outcome = new Refusal("database_unavailable", `the commit was ${fate}`, "");
    if (fate === "lost") throw outcome;
    this.records.take(changes);
    work.applyTo(this.state, changes.commands);
    this.state.newestSequence = changes.newestSequence;
    this.check();
    if (fate === "unconfirmed") {
      this.restore();
      for (const nodeId of this.nodes.keys()) this.#sendPending(nodeId);
      throw outcome;
    }
    for (const { nodeId, command } of changes.commands) {
      const node = this.nodes.get(nodeId);
      if (node?.attached) node.inbox.push(command);
    }
    return value;
  }

  #sendPending(nodeId: string): void {
    const node = this.node(nodeId);
    if (node.attached) node.inbox.push(...this.state.pendingOf(nodeId).map(({ command }) => command));
  }

  /** Every actor is restored from its stored form. */
  restore(): void {
    const stored = <T>(value: unknown): T => JSON.parse(JSON.stringify(value)) as T;
    for (const node of [...this.state.nodes()]) {
      const snapshot = nodeMachine.resolveState(stored(nodeMachine.getPersistedSnapshot(node.snapshot)));
      this.state.applyNode({ ...node, snapshot });
    }
    for (const container of this.containers()) {
      const snapshot = containerMachine.resolveState(stored(containerMachine.getPersistedSnapshot(container.snapshot)));
      this.state.applyContainer(container.facts.id, { ...container, snapshot });
    }
  }

  /** Another process takes over: streams end, nobody is served until it says hello. */
  restartCoordinator(): void {
    this.#term += 1;
    this.#served.clear();
    for (const node of this.nodes.values()) node.detach();
    this.restore();
  }

  /** The agent says hello, confirms its session and attaches; what it then says waits in its stream. */
  async attach(nodeId: string): Promise<void> {
    const node = this.node(nodeId);
    const incarnation = `run-${++this.#incarnations}`;
    const terms = await this.intake.hello(nodeId, {
      incarnation,
      agentVersion: "1",
      session: node.session,
      address: "127.0.0.1",
      runtime: "exec",
      capacity: { cpuMillis: this.#capacity.get(nodeId) ?? 0, memoryBytes: 4_000, diskBytes: 4_000 },
      architecture: "amd64",
      platform: "test",
      portPoolMin: 20_000,
      portPoolMax: 20_005,
      guarded: true,
      peerAddress: "",
    });
    node.incarnation = incarnation;
    node.confirm(terms.session);
    await this.intake.attach(nodeId, incarnation, terms.session);
    node.sayAll();
  }

  /** The coordinator hears the next thing that the agent says; a refusal ends the stream. */
  async hear(nodeId: string): Promise<void> {
    const node = this.node(nodeId);
    const message = node.outgoing.shift();
    if (!message) return;
    try {
      await this.#hear(node, message);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      node.detach();
    }
  }

  async #hear(node: WorldNode, message: WorldMessage): Promise<void> {
    switch (message.kind) {
      case "inventory":
        return this.intake.inventory(node.id, node.incarnation, message.session, message.workloads);
      case "report":
        return this.intake.report(node.id, node.incarnation, message.observed);
      case "result":
        await this.intake.commandResult(node.id, node.incarnation, message.result);
        node.unacked.delete(message.result.commandId);
        return;
      case "goodbye":
        await this.intake.goodbye(node.id, node.incarnation, message.session);
        return node.detach();
      default:
        message satisfies never;
    }
  }

  /** The agent carries out one of the commands that have arrived. */
  obey(nodeId: string, index: number, fault: string | null): void {
    const node = this.node(nodeId);
    const [command] = node.inbox.splice(index, 1);
    if (!command) return;
    const before = node.running(command.containerId);
    node.obey(command, fault);
    if (command.action.kind === "start" && !before && node.running(command.containerId))
      this.#noteData(nodeId, command.containerId);
    this.check();
  }

  #noteData(nodeId: string, containerId: string): void {
    const context = this.container(containerId)?.snapshot.context;
    const before = this.#data.get(containerId);
    if (context?.localData && !context.allowDataLoss && before !== undefined && before !== nodeId) {
      throw new Error(`${containerId} starts empty on ${nodeId}, its data is on ${before}`);
    }
    this.#data.set(containerId, nodeId);
  }

  /** True while its agent's present run is the one that is served. */
  served(nodeId: string): boolean {
    return this.#served.get(nodeId) === this.node(nodeId).incarnation;
  }

  /** True when its heartbeats arrive and are acknowledged. */
  beats(nodeId: string): boolean {
    const node = this.node(nodeId);
    return node.up && node.reachable && node.leased && this.served(nodeId);
  }

  missHeartbeats(nodeId: string): Promise<void> {
    return this.submit((work) =>
      work.tellNode(nodeId, { type: "HEARTBEATS_MISSING", at: work.atMs, lastHeartbeatAt: work.atMs }),
    );
  }

  /** Heartbeats arrive again in time: their acknowledgement is a new lease. */
  async hearHeartbeats(nodeId: string): Promise<void> {
    const node = this.node(nodeId);
    node.leased = node.session > node.closedSession;
    await this.submit((work) => work.tellNode(nodeId, { type: "HEARTBEATS_BACK", at: work.atMs }));
  }

  /** W is over. Only after the host has lost power or its guard has killed. */
  async declareDead(nodeId: string): Promise<void> {
    const node = this.node(nodeId);
    if (node.leased) throw new Error("the world declares a node dead too early");
    try {
      await this.submit((work) =>
        work.tellNode(nodeId, { type: "LEASE_OVER", at: work.atMs, lastHeartbeatAt: work.atMs, waitMs: 6_632 }),
      );
    } finally {
      if (this.chart(nodeId) === "dead") {
        this.#served.delete(nodeId);
        node.detach();
      }
    }
  }

  /** The next moment that an actor waits for. */
  nextDeadline(): { containerId: string; name: string; at: number } | null {
    let next: { containerId: string; name: string; at: number } | null = null;
    for (const { snapshot } of this.state.containers()) {
      for (const deadline of [snapshot.context.deadline, snapshot.context.moveDeadline]) {
        if (deadline && (!next || deadline.at < next.at)) next = { containerId: snapshot.context.id, ...deadline };
      }
    }
    return next;
  }

  async fire(deadline: { containerId: string; name: string; at: number }): Promise<void> {
    this.nowMs = Math.max(this.nowMs, deadline.at);
    await this.submit((work) =>
      work.tellContainer(deadline.containerId, {
        type: "DEADLINE",
        at: work.atMs,
        name: deadline.name,
        due: deadline.at,
      }),
    );
  }

  /**
   * Does one thing that is left to do and needs no fault; false when there is none. Nodes that are `gone` stay dead, all
   * others come back. Deadlines come last: they are long, and messages are not.
   */
  async work(gone: ReadonlySet<string> = new Set(), tell: (what: string) => void = () => {}): Promise<boolean> {
    for (const node of this.nodes.values()) {
      const { id } = node;
      const chart = this.chart(id);
      if (node.up && node.inbox.length > 0) {
        const [command] = node.inbox;
        this.obey(id, 0, null);
        tell(`${id} obeys ${command?.action.kind} ${command?.containerId}@${command?.epoch}`);
      } else if (node.outgoing.length > 0) {
        tell(`hears ${id}: ${JSON.stringify(node.outgoing[0])}`);
        await this.hear(id);
      } else if (gone.has(id)) {
        if (chart === "healthy") await this.missHeartbeats(id);
        else if (chart === "unhealthy" || chart === "rejoining") await this.declareDead(id);
        else continue;
        tell(`${id} is gone (${this.chart(id)})`);
      } else if (!node.attached) {
        await this.attach(id);
        tell(`${id} says hello (${this.chart(id)})`);
      } else if (chart === "unhealthy") {
        await this.hearHeartbeats(id);
      } else continue;
      return true;
    }
    const deadline = this.nextDeadline();
    if (!deadline) return false;
    tell(`deadline ${deadline.name} of ${deadline.containerId}`);
    await this.fire(deadline);
    return true;
  }

  /** Where a container's copies run. */
  runningOn(containerId: string): string[] {
    return [...this.nodes.values()].filter((node) => node.running(containerId)).map((node) => node.id);
  }

  /** Throws when a promise is broken. */
  check(): void {
    for (const container of this.state.containers()) this.#checkContainer(container);
    for (const { facts } of this.state.nodes()) this.#checkNode(facts.id);
  }

  #checkContainer({ snapshot }: ContainerRecord): void {
    const { context } = snapshot;
    const copies = this.runningOn(context.id);
    if (context.ha && copies.length > 1) throw new Error(`${context.id} runs twice: ${copies.join(" and ")}`);
    const life = lifeState(snapshot);
    const migrating = migrationStatus(snapshot) === "migrating";
    if (migrating !== (life === "moving")) throw new Error(`${context.id}: life ${life}, migrating ${migrating}`);
    if (migrating !== (context.move !== null)) throw new Error(`${context.id}: a move is kept or missing`);
    const due = [context.placement?.nodeId, context.move?.targetNodeId].filter((id) => id !== undefined && id !== null);
    // From the commit on the source's room is given back, and target and place are the same node.
    const expected = [...new Set(due)].sort().join();
    const inMemory = [...this.nodes.keys()]
      .filter((id) => this.state.room(id).holders.has(context.id))
      .sort()
      .join();
    const stored = [...(this.records.rooms.get(context.id) ?? [])].sort().join();
    if (inMemory !== expected || stored !== expected) {
      throw new Error(`${context.id} should hold room on [${expected}], holds [${inMemory}], stored [${stored}]`);
    }
  }

  #checkNode(nodeId: string): void {
    const room = this.state.room(nodeId);
    let cpuMillis = 0;
    const ports = new Set<string>();
    for (const [holder, { resources, ports: held }] of room.holders) {
      cpuMillis += resources.cpuMillis;
      for (const port of held) {
        const key = portKey(port.protocol, port.hostPort);
        if (ports.has(key)) throw new Error(`${key} on ${nodeId} is given twice, to ${holder} too`);
        ports.add(key);
      }
    }
    const capacity = this.#capacity.get(nodeId) ?? 0;
    if (cpuMillis > capacity) throw new Error(`${nodeId} has ${capacity} m, ${cpuMillis} m are promised`);
  }
}
