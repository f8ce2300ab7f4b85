import type { AlertKind, AlertRaise, AlertRecord } from "../domain/alert/alert.ts";
import type { ContainerInput, MigrationTrigger } from "../domain/container/container-context.ts";
import type { ContainerEffect } from "../domain/container/container-effects.ts";
import type { ContainerEvent } from "../domain/container/container-events.ts";
import { containerMachine } from "../domain/container/container-machine.ts";
import type { DutyEffect, DutyEvent } from "../domain/maintenance/duty-context.ts";
import { dutyMachine } from "../domain/maintenance/duty-machine.ts";
import type { NodeEffect, NodeEvent } from "../domain/node/node-context.ts";
import { nodeMachine } from "../domain/node/node-machine.ts";
import { actorStart, actorStep } from "./actor-step.ts";
import { alertEvent } from "./alert-event.ts";
import type { DecisionChanges, MigrationChange, NumberedEvent, UsedToken } from "./decision-store.ts";
import { commandId, migrationId } from "./deterministic-id.ts";
import { lookAtDuty, withTurn } from "./duty-look.ts";
import { dutiesToLookAt } from "./duty-rounds.ts";
import { clustersOf } from "./event-clusters.ts";
import { FleetOverlay } from "./fleet-overlay.ts";
import type { ContainerFacts, FleetView, NodeFacts, PendingCommand } from "./fleet-view.ts";
import { JobDraft } from "./job-draft.ts";
import { migrationChange } from "./migration-change.ts";
import { fitsElsewhere, isNewInQueue, MigrationQueue, QUEUE_PASSES_MAX } from "./migration-queue.ts";
import { noteClock, noteGuard, noteMissing, placementFacts } from "./node-fitness.ts";
import { nodeNews } from "./node-news.ts";
import { outboundAction } from "./outbound-action.ts";
import { placeContainer, placementNews } from "./place-container.ts";
import { requestBehind, requestBehindDuty } from "./request-behind.ts";

/** Events that one decision may set off inside itself; more is a loop, which is a bug. */
const CASCADE_MAX = 100_000;

export type FleetEvent = Omit<NumberedEvent, "sequence" | "atMs" | "clusterIds" | "requestId">;

type Queued =
  | { readonly kind: "container"; readonly id: string; readonly event: ContainerEvent }
  | { readonly kind: "node"; readonly id: string; readonly event: NodeEvent };

/**
 * What one decision changes, over the fleet as it was: actors take their events here, and nothing is visible outside until
 * the decision loop has committed it. Dropping a unit of work undoes it. Time (`atMs`), the leader's term and the id of the
 * request or decision (`requestId`) are arguments.
 */
export class UnitOfWork extends FleetOverlay {
  readonly atMs: number;
  readonly term: number;
  readonly jobs: JobDraft;
  readonly #events: Omit<NumberedEvent, "sequence" | "atMs">[] = [];
  readonly #migrations: MigrationChange[] = [];
  readonly #usedTokens: UsedToken[] = [];
  readonly #queue: Queued[] = [];
  /** Duties that have asked for a look. */
  readonly #looks = new Set<string>();
  #roomFreed = false;
  #queueTouched = false;
  /** What is recorded now follows from it. */
  #requestId: string;

  constructor(base: FleetView, atMs: number, term: number, requestId: string) {
    super(base);
    this.atMs = atMs;
    this.term = term;
    this.#requestId = requestId;
    this.jobs = new JobDraft(() => this.eventsSoFar(), requestId);
  }

  /** Stores a node that enrolled; its actor begins to live. */
  addNode(facts: NodeFacts): void {
    const { id, name } = facts;
    const [snapshot] = actorStart(nodeMachine, { id, name });
    const [duty] = actorStart(dutyMachine, { id, name });
    this.setNode({ facts, snapshot, duty, dutyRequestId: "" });
  }

  /** What decides on placement may be what a container waits for: when it changes, those that wait look again. */
  changeNode(nodeId: string, change: Partial<NodeFacts>): void {
    const node = this.node(nodeId);
    if (!node) return;
    const facts = { ...node.facts, ...change };
    this.setNode({ ...node, facts });
    if (placementFacts(facts) !== placementFacts(node.facts)) this.#roomFreed = true;
    if (change.guarded !== undefined) noteGuard(this, facts);
    if (change.clockSound !== undefined) noteClock(this, facts);
  }

  /** Something on which placement depends has changed: those that wait look again. */
  lookAgain(): void {
    this.#roomFreed = true;
  }

  /** Stores a new container; its actor begins to live. */
  addContainer(facts: ContainerFacts, input: ContainerInput): void {
    const [snapshot] = actorStart(containerMachine, input);
    this.setContainer(facts.id, { facts, snapshot, requestId: this.#requestId });
  }

  consumeToken(used: UsedToken): void {
    this.#usedTokens.push(used);
  }

  override eventsSoFar(): number {
    return super.eventsSoFar() + this.#events.length;
  }

  addEvent(event: FleetEvent): void {
    this.#events.push({ ...event, clusterIds: clustersOf(this, event), requestId: this.#requestId });
  }

  /**
   * Says that something is wrong: opens an alert, or says the unresolved one of this kind and subject once more, with these
   * words.
   */
  raiseAlert(raise: AlertRaise): void {
    const opened = this.alertDraft.raise(raise, this.atMs, this.eventsSoFar() + 1);
    if (opened) this.addEvent(alertEvent("opened", opened));
  }

  /** Says that it is wrong no more; nothing when it was not. */
  resolveAlert(kind: AlertKind, subject: { readonly id: string }): void {
    const resolved = this.alertDraft.resolve(kind, subject.id, this.atMs, this.eventsSoFar() + 1);
    if (resolved) this.addEvent(alertEvent("resolved", resolved));
  }

  /** All that is wrong with something that goes away goes with it. */
  resolveAlertsOf(subjectId: string): void {
    for (const alert of [...this.unresolvedAlerts()]) {
      if (alert.subject.id === subjectId) this.resolveAlert(alert.kind, alert.subject);
    }
  }

  /** Somebody has taken the alert on; one that only tells of what is past is resolved by it. */
  acknowledgeAlert(alert: AlertRecord, by: string): void {
    if (alert.state !== "open") return;
    const acknowledged = this.alertDraft.acknowledge(alert, by, this.atMs, this.eventsSoFar() + 1);
    this.addEvent(alertEvent("acknowledged", acknowledged));
    if (acknowledged.endsWhenAcknowledged) this.resolveAlert(acknowledged.kind, acknowledged.subject);
  }

  /** Lets an actor take an event, and everything that follows from it within this decision. */
  tellContainer(id: string, event: ContainerEvent): void {
    this.#queue.push({ kind: "container", id, event });
    this.#drain();
  }

  tellNode(id: string, event: NodeEvent): void {
    this.#queue.push({ kind: "node", id, event });
    this.#drain();
  }

  /** Lets the node's duty take an event, and what follows from it; what it asks to be looked at waits for `settle`. */
  tellDuty(nodeId: string, event: DutyEvent): void {
    const node = this.node(nodeId);
    if (!node) return;
    const [duty, actions] = actorStep(dutyMachine, node.duty, event);
    const dutyRequestId = requestBehindDuty(node, event, this.#requestId);
    if (duty !== node.duty) this.setNode({ ...node, duty, dutyRequestId });
    this.#under(dutyRequestId, () => {
      for (const action of actions) if (action.type === "effect") this.#dutyEffect(nodeId, action.params as DutyEffect);
    });
  }

  /** Wishes a migration, which begins at once where it may and waits in the queue where it may not; `forced`: past its limits. */
  tellMigrate(
    containerId: string,
    trigger: Exclude<MigrationTrigger, "auto">,
    targetNodeId: string | null,
    forced = false,
  ): void {
    const home = this.node(this.container(containerId)?.snapshot.context.placement?.nodeId ?? "");
    const autoMigrate = this.cluster(home?.facts.clusterId ?? "")?.autoMigrate ?? false;
    this.tellContainer(containerId, { type: "MIGRATE", at: this.atMs, trigger, targetNodeId, forced, autoMigrate });
    this.#advanceQueue(false);
  }

  /**
   * Lets those have their turn that wait for what this decision has brought: migrations in the queue, containers for room,
   * drains for room and for their containers.
   */
  settle(): void {
    const roomFreed = this.#roomFreed;
    this.#advanceQueue(roomFreed);
    for (const node of dutiesToLookAt(this, roomFreed, this.#looks)) {
      const { survey, leftNow } = this.#under(node.dutyRequestId || this.#requestId, () => lookAtDuty(this, node));
      // What was sent just now may have to wait for its turn, and is told as it stands after that.
      this.#advanceQueue(false);
      const items = survey.items.map((item) => withTurn(this, item));
      this.tellDuty(node.facts.id, { type: "LOOKED", at: this.atMs, survey: { ...survey, items }, leftNow });
    }
    this.#advanceQueue(false);
    this.#roomFreed = false;
  }

  // A container without a node looks for room once: what it gives back when it fails is no reason to look again.
  #advanceQueue(roomFreed: boolean): void {
    let roomCame = roomFreed;
    for (let pass = 0; pass < QUEUE_PASSES_MAX && (roomCame || this.#queueTouched); pass++) {
      this.#queueTouched = false;
      new MigrationQueue(this).pass(roomCame);
      roomCame = false;
    }
  }

  /** What this decision has recorded of the newest migration of a container, in order. */
  lastMove(containerId: string): readonly MigrationChange[] {
    const newest = migrationId(containerId, this.container(containerId)?.snapshot.context.lastMove ?? 0);
    return this.#migrations.filter(({ id }) => id === newest);
  }

  /** Puts a command into the outbox; it leaves only after the commit. */
  addCommand(
    nodeId: string,
    ordinal: number,
    command: Omit<PendingCommand["command"], "term" | "session" | "requestId">,
  ): void {
    const session = this.node(nodeId)?.snapshot.context.session ?? 0;
    const position = 0; // Given by the decision loop, in the order of commits.
    const requestId = this.#requestId;
    this.setPending({ position, nodeId, ordinal, command: { ...command, term: this.term, session, requestId } });
  }

  #under<T>(requestId: string, record: () => T): T {
    const before = this.#requestId;
    this.#requestId = requestId;
    try {
      return record();
    } finally {
      this.#requestId = before;
    }
  }

  #drain(): void {
    for (let taken = 0; this.#queue.length > 0; taken++) {
      if (taken >= CASCADE_MAX) throw new Error(`a decision set off more than ${CASCADE_MAX} events: a loop`);
      const next = this.#queue.shift();
      if (next?.kind === "container") this.#stepContainer(next.id, next.event);
      else if (next) this.#stepNode(next.id, next.event);
    }
  }

  #stepContainer(id: string, event: ContainerEvent): void {
    const container = this.container(id);
    if (!container) return;
    const [snapshot, actions] = actorStep(containerMachine, container.snapshot, event);
    const requestId = requestBehind(container, event, snapshot, this.#requestId);
    if (snapshot !== container.snapshot) this.setContainer(id, { ...container, snapshot, requestId });
    if (isNewInQueue(container.snapshot, snapshot)) this.#queueTouched = true;
    this.#under(requestId, () => {
      for (const action of actions) {
        if (action.type === "effect") this.#containerEffect(id, action.params as ContainerEffect, event.at);
      }
    });
  }

  #stepNode(id: string, event: NodeEvent): void {
    const node = this.node(id);
    if (!node) return;
    const [snapshot, actions] = actorStep(nodeMachine, node.snapshot, event);
    // What only says something leaves the snapshot as it is.
    if (snapshot !== node.snapshot) this.setNode({ ...node, snapshot });
    for (const action of actions)
      if (action.type === "effect") this.#nodeEffect(id, action.params as NodeEffect, event);
  }

  #nodeEffect(nodeId: string, effect: NodeEffect, event: NodeEvent): void {
    switch (effect.kind) {
      case "event":
        this.addEvent({
          type: effect.type,
          severity: effect.severity,
          message: effect.message,
          nodeId,
          containerId: null,
          migrationId: null,
          data: effect.data ?? {},
        });
        return;
      case "tellContainers":
        this.#tellContainersOf(nodeId, effect.news, event);
        return;
      case "voidCommands":
        for (const pending of this.pendingOf(nodeId)) {
          this.endPending({
            commandId: pending.command.commandId,
            state: "void",
            ok: null,
            errorCode: "session_ended",
            errorMessage: "",
          });
        }
        return;
      case "alert":
        if (this.node(nodeId)?.duty.value === "maintenance") return; // It is meant to go away.
        this.raiseAlert({ ...effect.alert, subject: { kind: "node", id: nodeId } });
        return;
      case "alertOver":
        for (const kind of effect.alerts) this.resolveAlert(kind, { id: nodeId });
        return;
      default:
        effect satisfies never;
    }
  }

  #dutyEffect(nodeId: string, effect: DutyEffect): void {
    switch (effect.kind) {
      case "schedulable":
        this.changeNode(nodeId, { schedulable: effect.value });
        return;
      case "look":
        this.#looks.add(nodeId);
        return;
      case "inService":
        noteMissing(this, nodeId);
        return;
      case "event": {
        const { type, severity, message, data = {} } = effect;
        this.addEvent({ type, severity, message, nodeId, containerId: null, migrationId: null, data });
        return;
      }
      default:
        effect satisfies never;
    }
  }

  #tellContainersOf(
    nodeId: string,
    news: Extract<NodeEffect, { kind: "tellContainers" }>["news"],
    event: NodeEvent,
  ): void {
    for (const { id, event: told } of nodeNews(this, nodeId, news, event.at)) {
      this.#queue.push({ kind: "container", id, event: told });
    }
    if (news === "NODE_BACK" || news === "NODE_HEARD") this.#roomFreed = true;
  }

  #containerEffect(id: string, effect: ContainerEffect, at: number): void {
    const container = this.container(id);
    if (!container) return;
    const { context } = container.snapshot;
    switch (effect.kind) {
      case "event":
        this.addEvent({
          type: effect.type,
          severity: effect.severity,
          message: effect.message,
          nodeId: effect.nodeId ?? null,
          containerId: id,
          migrationId:
            context.lastMove > 0 && effect.type.startsWith("migration.") ? migrationId(id, context.lastMove) : null,
          data: effect.data ?? {},
        });
        return;
      case "command":
        this.addCommand(effect.nodeId, effect.ordinal, {
          commandId: commandId(id, effect.ordinal),
          containerId: id,
          epoch: effect.epoch,
          timeoutMs: effect.timeoutMs,
          action: outboundAction(this, container, effect),
        });
        return;
      case "place": {
        const placed = placeContainer(this, container, effect);
        const { decision } = placed;
        if (effect.purpose === "move") {
          this.#migrations.push({
            kind: "decided",
            id: migrationId(id, context.lastMove),
            targetNodeId: decision.chosenNodeId,
            decision,
          });
        }
        const node = decision.chosenNodeId === null ? undefined : this.node(decision.chosenNodeId);
        if (node) this.hold(id, node.facts.id, { resources: context.resources, ports: placed.ports });
        this.#queue.push({ kind: "container", id, event: placementNews(placed, node, effect.purpose, at) });
        return;
      }
      case "release":
        this.hold(id, effect.nodeId, null);
        this.#roomFreed = true;
        return;
      case "moveIfFits":
        if (fitsElsewhere(this, container, [])) {
          this.#queue.push({ kind: "container", id, event: { type: "MOVE_AWAY", at } });
        }
        return;
      case "migrationBegun":
      case "migrationStep":
        this.#migrations.push(migrationChange(container, effect, this.#requestId));
        return;
      case "migrationEnded":
        this.#migrations.push(migrationChange(container, effect, this.#requestId));
        this.jobs.end(container, ["migrate"], effect.errorMessage);
        this.jobs.end(container, ["cancel_migration"], "");
        this.#queueTouched = true;
        return;
      case "jobsEnded":
        this.jobs.end(container, effect.jobs, effect.error);
        return;
      case "alert":
        this.raiseAlert({ ...effect.alert, subject: { kind: "container", id } });
        return;
      case "alertOver":
        for (const kind of effect.alerts) this.resolveAlert(kind, { id });
        return;
      case "forget":
        this.resolveAlertsOf(id);
        this.setContainer(id, null);
        return;
      default:
        effect satisfies never;
    }
  }

  /** Takes over what an inner unit of work decided. */
  override merge(inner: UnitOfWork): void {
    super.merge(inner);
    this.jobs.merge(inner.jobs, inner.eventsSoFar());
    this.#events.push(...inner.#events);
    this.#migrations.push(...inner.#migrations);
    this.#usedTokens.push(...inner.#usedTokens);
  }

  /** What the transaction must write; numbers events and commands after those committed before. */
  changes(newestSequence: number, newestPosition: number): DecisionChanges {
    let sequence = newestSequence;
    let position = newestPosition;
    return {
      clusters: this.changedClusters(),
      removedClusters: this.removedClusters(),
      memberships: this.changedMemberships(),
      nodes: this.changedNodes(),
      removedNodes: this.removedNodes(),
      containers: this.changedContainers(),
      forgotten: this.forgottenContainers(),
      holdings: this.changedHoldings(),
      migrations: this.#migrations,
      jobs: this.jobs.changes(this.eventsSoFar()),
      events: this.#events.map((event) => ({ ...event, sequence: ++sequence, atMs: this.atMs })),
      commands: this.newCommands().map((pending) => ({ ...pending, position: ++position })),
      endedCommands: this.endedCommands(),
      usedTokens: this.#usedTokens,
      alerts: this.alertDraft.changed(),
      alertNotices: this.alertDraft.notices(),
      newestSequence: sequence,
      atMs: this.atMs,
    };
  }
}
