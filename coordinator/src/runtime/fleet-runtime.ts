import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { type MembershipHistory, presentEpoch } from "@lormas/lease/membership.ts";
import type { NodeEvent } from "../domain/node/node-context.ts";
import type { Keyring } from "../secrets/keyring.ts";
import type { AgentLink } from "./agent-link.ts";
import type { Clock } from "./clock.ts";
import { ClusterOperations } from "./cluster-operations.ts";
import type { GroupReading } from "./cluster-wishes.ts";
import { CommandSender } from "./command-sender.ts";
import { Deadlines } from "./deadlines.ts";
import { DecisionLoop } from "./decision-loop.ts";
import { type DecisionChanges, type DecisionStore, type LoadedFleet, StaleTermError } from "./decision-store.ts";
import { DutyDeadlines } from "./duty-deadlines.ts";
import type { FenceHook } from "./fence-hook.ts";
import { fenceRequest } from "./fence-request.ts";
import { FleetIntake } from "./fleet-intake.ts";
import { FleetOperations } from "./fleet-operations.ts";
import { FleetState } from "./fleet-state.ts";
import type { FleetView } from "./fleet-view.ts";
import { type Foretell, foretelling } from "./foretell.ts";
import { groupKeeper } from "./group-keeper.ts";
import { readGroup } from "./group-reading.ts";
import { HealthFlush } from "./health-flush.ts";
import { LeadershipKeeper } from "./leadership-keeper.ts";
import { NPlusOneWatch } from "./n-plus-one-watch.ts";
import { approvalKeeper } from "./node-approvals.ts";
import { type FencePorts, NodeWatch } from "./node-watch.ts";
import type { CoordinatorStatus, LiveNode } from "./operations.ts";
import { OperatorOperations } from "./operator-operations.ts";
import type { RepeatedDecision } from "./repeated-decision.ts";
import { clockOutside, NO_REQUESTS, type RequestScope } from "./request-scope.ts";
import { RotationAlertKeeper } from "./rotation-alerts.ts";
import type { RuntimeLog } from "./runtime-log.ts";
import { suspensionKeeper } from "./suspension-keeper.ts";
import { WhatIfBoard } from "./what-if-board.ts";

export type FleetRuntimePorts = {
  readonly store: DecisionStore;
  readonly link: AgentLink;
  /** Opens what is secret of a container, to keep it out of what is stored of its failures. */
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  readonly newId: () => string;
  /** How this process signs the lease (leaseHolder): its own signature in the row is a dead predecessor's. */
  readonly instance: string;
  readonly leaderTtlMs: number;
  /** Cuts silent nodes off from power; absent: nothing does. */
  readonly fenceHook?: FenceHook | null;
  /** Which request a decision is submitted for; absent: none is. */
  readonly requests?: RequestScope;
};

const RECOVERY_PAUSE_MS = 250;

/** How a term begins to watch a node that its chart shows so. */
const SHOWN = { pending: "dead", rejoining: "live", healthy: "live", unhealthy: "silent", dead: "dead" } as const;

/** Hosts the actors of the fleet: holds their committed state, lets them decide, and acts on what was committed. */
export class FleetRuntime implements CoordinatorStatus {
  readonly operations: FleetOperations;
  readonly operators: OperatorOperations;
  readonly clusters: ClusterOperations;
  /** What a wish would come to; see Foretell. */
  readonly foretell: Foretell;
  readonly intake: FleetIntake;
  readonly state = new FleetState();
  readonly whatIf: WhatIfBoard;
  /** Tells of a rotation of the fleet's authority that stands still. */
  readonly rotationAlerts: RotationAlertKeeper;
  readonly #ports: FleetRuntimePorts;
  /** Every decision goes through it. */
  readonly loop: DecisionLoop;
  readonly #watch: NodeWatch;
  readonly #deadlines: Deadlines;
  readonly #dutyDeadlines: DutyDeadlines;
  readonly #nPlusOne: NPlusOneWatch;
  readonly #leadership: LeadershipKeeper;
  readonly #sender: CommandSender;
  readonly #groups: RepeatedDecision;
  readonly #suspensions: RepeatedDecision;
  readonly #approvals: RepeatedDecision;
  readonly #health: HealthFlush;
  readonly #listeners = new Set<(newestSequence: bigint) => void>();
  #databaseReady = false;
  #stopped = false;
  #recovery: Promise<void> | null = null;

  constructor(ports: FleetRuntimePorts) {
    const { store, log, instance, leaderTtlMs, requests = NO_REQUESTS } = ports;
    // What a timer brings about is of no request, also where a request is what armed it.
    const clock = clockOutside(requests, ports.clock);
    this.#ports = { ...ports, clock };
    const term = (): number | null => this.#leadership.term();
    this.#leadership = new LeadershipKeeper({
      store,
      clock,
      log,
      instance,
      ttlMs: leaderTtlMs,
      onElected: (elected) => this.#beginTerm(elected),
      onDeposed: (reason) => this.#endTerm(reason),
    });
    this.#sender = new CommandSender({
      link: ports.link,
      pendingOf: (nodeId) => this.state.pendingOf(nodeId),
      secretKeyOf: (containerId) => this.state.container(containerId)?.facts.secretKey ?? null,
      clusterOf: (nodeId) => this.state.node(nodeId)?.facts.clusterId ?? "",
      term,
    });
    this.loop = new DecisionLoop({
      state: this.state,
      store,
      clock,
      term,
      requests,
      afterCommit: (changes) => this.#act(changes),
      onBroken: (error) => this.#recover(error),
    });
    this.rotationAlerts = new RotationAlertKeeper(this.loop, this.state);
    this.#deadlines = new Deadlines(clock, ({ containerId, name, due }) => {
      this.loop
        .submit((work) => work.tellContainer(containerId, { type: "DEADLINE", at: work.atMs, name, due }))
        .catch((error: unknown) => this.#deadlineLater(containerId, error));
    });
    this.whatIf = new WhatIfBoard(this.state, clock);
    this.#nPlusOne = new NPlusOneWatch({ clock, state: this.state, board: this.whatIf, loop: this.loop, log });
    this.#dutyDeadlines = new DutyDeadlines(clock, (nodeId, due) => {
      this.loop
        .submit((work) => work.tellDuty(nodeId, { type: "DEADLINE", at: work.atMs, due }))
        .catch((error: unknown) => this.#dutyLater(nodeId, error));
    });
    this.#watch = new NodeWatch({
      clock,
      historyOf: (nodeId) => this.#historyOf(nodeId),
      heartbeatsMissing: (nodeId, lastHeartbeatAt) =>
        this.loop.submit((work) =>
          work.tellNode(nodeId, { type: "HEARTBEATS_MISSING", at: work.atMs, lastHeartbeatAt }),
        ),
      heartbeatsBack: (nodeId) =>
        this.loop.submit((work) => work.tellNode(nodeId, { type: "HEARTBEATS_BACK", at: work.atMs })),
      leaseOver: (nodeId, lastHeartbeatAt) => this.#declareDead(nodeId, lastHeartbeatAt),
      fence: this.#fencePorts(),
    });
    this.#groups = groupKeeper({
      clock,
      loop: this.loop,
      state: this.state,
      signs: () => this.#watch.signs(),
      term,
      log,
    });
    this.#suspensions = suspensionKeeper({
      clock,
      loop: this.loop,
      state: this.state,
      blockedDeaths: () => this.#watch.blockedDeaths(),
      signs: () => this.#watch.signs(),
      term,
      log,
    });
    this.#approvals = approvalKeeper({ clock, loop: this.loop, state: this.state, term, log });
    this.#health = new HealthFlush({
      ...{ store, state: this.state, watch: this.#watch, clock, log },
      term: () => (this.#databaseReady ? term() : null),
      overruled: (stale) => this.#leadership.overruled(stale),
    });
    const disconnect = (nodeId: string, reason: string): void => ports.link.disconnect(nodeId, reason);
    const granting = (loop: Pick<DecisionLoop, "submit">) => ({
      clusters: new ClusterOperations({
        ...{ loop, disconnect, newId: ports.newId, state: this.state, watch: this.#watch },
        signsOf: (nodeId) => this.#watch.signsOf(nodeId),
      }),
      operations: new FleetOperations({
        ...{ loop, newId: ports.newId },
        tokenCluster: (hash) => store.tokenCluster(hash, clock.wallMs()),
      }),
      operators: new OperatorOperations({ loop, disconnect }),
    });
    ({ clusters: this.clusters, operations: this.operations, operators: this.operators } = granting(this.loop));
    this.foretell = foretelling(this.loop, granting);
    this.intake = new FleetIntake({
      loop: this.loop,
      state: this.state,
      keyring: ports.keyring,
      watch: this.#watch,
      term,
      membershipOf: (nodeId) => presentEpoch(this.#historyOf(nodeId)),
      sendPending: (nodeId) => this.#sender.sendAll(nodeId),
    });
  }

  /** Asks for leadership and, once elected, reads the fleet and goes on with whatever was under way. */
  async start(): Promise<void> {
    await this.#leadership.start();
    this.#groups.start();
    this.#suspensions.start();
    this.#approvals.start();
    this.#health.start();
  }

  /** Stops deciding, waits for what is being committed, and gives leadership up. */
  async stop(): Promise<void> {
    const stored = this.#beginNothing();
    await Promise.all([this.loop.idle(), stored, this.#recovery]);
    await this.#leadership.stop();
  }

  /** Resolves when no decision is being committed. */
  idle(): Promise<void> {
    return this.loop.idle();
  }

  /** Drops everything as it stands, as the end of the process would; for tests of what is found afterwards. */
  async abandon(): Promise<void> {
    const stored = this.#beginNothing();
    this.#leadership.abandon();
    await Promise.all([this.loop.idle(), stored]);
  }

  /** What was to come does not; resolves when what is being stored of the nodes' health is. */
  #beginNothing(): Promise<void> {
    this.#stopped = true;
    this.#nPlusOne.stop();
    this.#groups.stop();
    this.#suspensions.stop();
    this.#approvals.stop();
    this.#watch.clear();
    this.#deadlines.clear();
    this.#dutyDeadlines.clear();
    return this.#health.stop();
  }

  leading(): { leader: boolean; term: number } {
    const term = this.#leadership.term();
    return { leader: term !== null, term: term ?? 0 };
  }

  databaseReady(): boolean {
    return this.#databaseReady;
  }

  liveNode(nodeId: string): LiveNode | undefined {
    return this.#watch.liveNode(nodeId);
  }

  groupOf(clusterId: string, fleet: FleetView = this.state): GroupReading | null {
    if (this.#leadership.term() === null) return null;
    return readGroup({ fleet, watch: this.#watch, clock: this.#ports.clock }, clusterId);
  }

  newestSequence(): bigint {
    return BigInt(this.state.newestSequence);
  }

  onCommitted(callback: (newestSequence: bigint) => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  #historyOf(nodeId: string): MembershipHistory {
    const clusterId = this.state.node(nodeId)?.facts.clusterId ?? "";
    const history = this.state.membership(clusterId);
    if (history) return history;
    // Before the first Hello of its cluster nobody serves, so nothing is granted under this one and nobody is declared dead.
    const policy = this.state.cluster(clusterId)?.policy ?? LEASE_PROFILES.default;
    return [{ epoch: 0, voters: [], policy: { ...policy, selfFencing: false, survival: false } }];
  }

  async #beginTerm(term: number): Promise<void> {
    // A recovery of the term before may still be reading: what it reads must not replace what this term decides.
    await this.#recovery;
    const { confirmedEpochs } = await this.#read();
    this.#watch.beginTerm(
      [...this.state.nodes()].map(({ facts, snapshot }) => ({
        nodeId: facts.id,
        shown: SHOWN[snapshot.value],
        lastHeartbeatAtMs: snapshot.context.lastHeartbeatAt,
        confirmedEpoch: confirmedEpochs.get(facts.id) ?? null,
      })),
    );
    this.loop.mend();
    this.#nPlusOne.start();
    // The term begins when this has ended.
    this.#ports.clock.schedule(0, () => this.#lookAgain());
    this.#ports.log.info({ term, nodes: [...this.state.nodes()].length }, "this coordinator leads");
  }

  #endTerm(reason: string): void {
    this.#ports.log.warn({ reason }, "this coordinator does not lead any more");
    this.#databaseReady = false;
    this.#nPlusOne.stop();
    this.#watch.clear();
    this.#deadlines.clear();
    this.#dutyDeadlines.clear();
    this.#sender.clear();
    for (const node of this.state.nodes()) this.#ports.link.disconnect(node.facts.id, "the coordinator does not lead");
  }

  /** Reads the committed state anew and arms what it waits for. */
  async #read(): Promise<LoadedFleet> {
    const loaded = await this.#ports.store.load();
    this.state.clear();
    this.#deadlines.clear();
    this.#dutyDeadlines.clear();
    for (const cluster of loaded.clusters) this.state.applyCluster(cluster);
    for (const node of loaded.nodes) {
      this.state.applyNode(node);
      this.#dutyDeadlines.follow(node);
    }
    for (const [clusterId, history] of loaded.memberships) this.state.applyMembership(clusterId, history);
    this.state.noteEpoch(loaded.newestEpoch);
    for (const container of loaded.containers) {
      this.state.applyContainer(container.facts.id, container);
      this.#deadlines.follow(container);
    }
    for (const [nodeId, room] of loaded.rooms) this.state.applyRoom(nodeId, room);
    for (const pending of loaded.pending) this.state.applyPending(pending.command.commandId, pending);
    for (const alert of loaded.unresolvedAlerts) this.state.applyAlert(alert);
    this.state.newestSequence = loaded.newestSequence;
    this.state.newestPosition = Math.max(this.state.newestPosition, loaded.newestPosition);
    this.#databaseReady = true;
    return loaded;
  }

  // Whether engines answer and clocks hold is not stored: what was read takes them for well, so those that wait for room look
  // again. Where that is not committed the state is read once more, and this comes with it.
  #lookAgain(): void {
    this.loop.submit((work) => work.lookAgain()).catch(() => undefined);
  }

  // A commit failed, so its outcome is unknown: what is in the database is the truth, and nothing is decided before it
  // has been read.
  #recover(error: unknown): void {
    this.#databaseReady = false;
    // Nothing was written, and nothing is left to be led: what the lease still says here does not count.
    if (error instanceof StaleTermError) return this.#leadership.overruled(error.term);
    this.#ports.log.error({ error }, "a decision could not be committed; reading the state anew");
    this.#recovery ??= this.#readAgain().finally(() => {
      this.#recovery = null;
    });
  }

  async #readAgain(): Promise<void> {
    while (!this.#stopped && this.#leadership.term() !== null) {
      try {
        await this.#read();
        // A removal whose commit was not answered may have been made.
        for (const nodeId of [...this.#watch.nodeIds()]) if (!this.state.node(nodeId)) this.#watch.forget(nodeId);
        const dead = this.#watch.resume((nodeId) => this.state.node(nodeId)?.snapshot.value === "dead");
        this.loop.mend();
        this.#lookAgain();
        for (const nodeId of dead) this.#ports.link.disconnect(nodeId, "the node was declared dead; say hello again");
        for (const node of this.state.nodes()) this.#sender.sendAll(node.facts.id);
        this.#tellListeners();
        this.#ports.log.info({}, "the state was read anew after a failed commit");
        return;
      } catch (error) {
        this.#ports.log.warn({ error }, "the database does not answer yet");
        await new Promise<void>((resolve) => this.#ports.clock.schedule(RECOVERY_PAUSE_MS, resolve));
      }
    }
  }

  async #declareDead(nodeId: string, lastHeartbeatAt: number | null): Promise<number> {
    const waitMs = Math.max(0, this.#ports.clock.wallMs() - (lastHeartbeatAt ?? this.#ports.clock.wallMs()));
    return this.#endSession(nodeId, (at) => ({ type: "LEASE_OVER", at, lastHeartbeatAt, waitMs }));
  }

  #fencePorts(): FencePorts | null {
    const { fenceHook: hook, log } = this.#ports;
    if (!hook) return null;
    const isSilent = (nodeId: string): boolean => this.#watch.isSilent(nodeId);
    return {
      hook,
      log,
      requestOf: (nodeId, silentForMs) => fenceRequest(this.state, nodeId, silentForMs, isSilent),
      fenced: (nodeId, lastHeartbeatAt, tookMs) =>
        this.#endSession(nodeId, (at) => ({ type: "FENCED", at, lastHeartbeatAt, hook: hook.name, tookMs })),
    };
  }

  async #endSession(nodeId: string, eventAt: (at: number) => NodeEvent): Promise<number> {
    const present = await this.loop.submit((work) => {
      work.tellNode(nodeId, eventAt(work.atMs));
      return work.node(nodeId)?.snapshot.context.session ?? 0;
    });
    this.#ports.link.disconnect(nodeId, "the node was declared dead; say hello again");
    return present;
  }

  #act(changes: DecisionChanges): void {
    for (const container of changes.containers) this.#deadlines.follow(container);
    for (const node of changes.nodes) this.#dutyDeadlines.follow(node);
    for (const containerId of changes.forgotten) this.#deadlines.forget(containerId);
    for (const { id } of changes.removedNodes) this.#forgetNode(id);
    // A command that the same decisions made void must not leave: the session it was meant for is over.
    const ended = new Set(changes.endedCommands.map(({ commandId }) => commandId));
    this.#sender.send(changes.commands.filter(({ command }) => !ended.has(command.commandId)));
    if (changes.events.length > 0) this.#tellListeners();
    const { nodes, removedNodes, containers, forgotten, clusters } = changes;
    if ([nodes, removedNodes, containers, forgotten, clusters].some(({ length }) => length > 0))
      this.#nPlusOne.changed();
  }

  #forgetNode(nodeId: string): void {
    this.#watch.forget(nodeId);
    this.#dutyDeadlines.forget(nodeId);
    this.#ports.link.disconnect(nodeId, "the node was removed from the fleet");
  }

  #tellListeners(): void {
    const newest = this.newestSequence();
    for (const listener of this.#listeners) listener(newest);
  }

  // After a recovery the deadlines are armed anew from what was committed; only a refusal for load comes back here.
  #deadlineLater(containerId: string, error: unknown): void {
    if (this.#stopped) return;
    this.#ports.log.warn({ containerId, error }, "a deadline could not be decided; trying again");
    this.#ports.clock.schedule(1_000, () => {
      const container = this.state.container(containerId);
      if (container && this.#leadership.term() !== null) this.#deadlines.follow(container);
    });
  }

  #dutyLater(nodeId: string, error: unknown): void {
    if (this.#stopped) return;
    this.#ports.log.warn({ nodeId, error }, "the duty of a node could not be decided on; trying again");
    this.#ports.clock.schedule(1_000, () => {
      const node = this.state.node(nodeId);
      if (node && this.#leadership.term() !== null) this.#dutyDeadlines.follow(node);
    });
  }
}
