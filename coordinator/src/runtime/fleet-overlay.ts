import type { MembershipHistory } from "@lormas/lease/membership.ts";
import { presentEpoch } from "@lormas/lease/membership.ts";
import type { AlertRecord } from "../domain/alert/alert.ts";
import { waitsForRoom } from "../domain/container/container-status.ts";
import type { PlacementTrial } from "../domain/placement/placement-trial.ts";
import { AlertDraft } from "./alert-draft.ts";
import type { EndedCommand } from "./decision-store.ts";
import type { FleetState } from "./fleet-state.ts";
import type {
  ClusterRecord,
  ContainerRecord,
  FleetView,
  Holding,
  NodeRecord,
  NodeRoom,
  PendingCommand,
} from "./fleet-view.ts";
import { withHolding } from "./node-room.ts";
import { candidate } from "./place-container.ts";

/** Changes laid over a fleet that stays as it is: dropping the overlay undoes them, applying it makes them the state. */
export class FleetOverlay implements FleetView {
  readonly #base: FleetView;
  readonly #clusters = new Map<string, ClusterRecord | null>();
  readonly #memberships = new Map<string, MembershipHistory>();
  readonly #nodes = new Map<string, NodeRecord | null>();
  readonly #containers = new Map<string, ContainerRecord | null>();
  readonly #rooms = new Map<string, NodeRoom>();
  readonly #holdingsChanged = new Set<string>();
  readonly #pending = new Map<string, PendingCommand>();
  readonly #ended = new Map<string, EndedCommand>();
  protected readonly alertDraft: AlertDraft;

  constructor(base: FleetView) {
    this.#base = base;
    this.alertDraft = new AlertDraft(base);
  }

  cluster(id: string): ClusterRecord | undefined {
    const own = this.#clusters.get(id);
    return own === null ? undefined : (own ?? this.#base.cluster(id));
  }

  *clusters(): Iterable<ClusterRecord> {
    for (const cluster of this.#base.clusters()) if (!this.#clusters.has(cluster.id)) yield cluster;
    for (const cluster of this.#clusters.values()) if (cluster) yield cluster;
  }

  membership(clusterId: string): MembershipHistory | null {
    return this.#memberships.get(clusterId) ?? this.#base.membership(clusterId);
  }

  newestEpoch(): number {
    const own = [...this.#memberships.values()].map((history) => presentEpoch(history).epoch);
    return Math.max(this.#base.newestEpoch(), ...own);
  }

  node(id: string): NodeRecord | undefined {
    const own = this.#nodes.get(id);
    return own === null ? undefined : (own ?? this.#base.node(id));
  }

  container(id: string): ContainerRecord | undefined {
    const own = this.#containers.get(id);
    return own === null ? undefined : (own ?? this.#base.container(id));
  }

  containerByName(name: string): ContainerRecord | undefined {
    for (const own of this.#containers.values()) if (own?.facts.name === name) return own;
    const found = this.#base.containerByName(name);
    return found && this.#containers.get(found.facts.id) === null ? undefined : found;
  }

  room(nodeId: string): NodeRoom {
    return this.#rooms.get(nodeId) ?? this.#base.room(nodeId);
  }

  pending(id: string): PendingCommand | undefined {
    if (this.#ended.has(id)) return undefined;
    return this.#pending.get(id) ?? this.#base.pending(id);
  }

  pendingOf(nodeId: string): PendingCommand[] {
    const own = [...this.#pending.values()].filter((pending) => pending.nodeId === nodeId);
    return [...this.#base.pendingOf(nodeId), ...own].filter((pending) => !this.#ended.has(pending.command.commandId));
  }

  *nodes(): Iterable<NodeRecord> {
    for (const node of this.#base.nodes()) {
      const own = this.#nodes.get(node.facts.id);
      if (own !== null) yield own ?? node;
    }
    for (const node of this.#nodes.values()) if (node && !this.#base.node(node.facts.id)) yield node;
  }

  *containers(): Iterable<ContainerRecord> {
    for (const container of this.#base.containers()) {
      const own = this.#containers.get(container.facts.id);
      if (own !== null) yield own ?? container;
    }
    for (const own of this.#containers.values()) if (own && !this.#base.container(own.facts.id)) yield own;
  }

  onDuty(): string[] {
    const ids = this.#base.onDuty().filter((id) => !this.#nodes.has(id));
    for (const [id, node] of this.#nodes) if (node && node.duty.value !== "in_service") ids.push(id);
    return ids;
  }

  unplaced(): string[] {
    const ids = this.#base.unplaced().filter((id) => !this.#containers.has(id));
    for (const [id, own] of this.#containers) if (own && waitsForRoom(own.snapshot)) ids.push(id);
    return ids;
  }

  moving(): string[] {
    const ids = this.#base.moving().filter((id) => !this.#containers.has(id));
    for (const [id, own] of this.#containers) if (own?.snapshot.context.move) ids.push(id);
    return ids;
  }

  trial(): PlacementTrial {
    const trial = this.#base.trial();
    for (const id of this.#changedForPlacement()) {
      const node = this.node(id);
      if (node) trial.set(candidate(this, node, "", []));
      else trial.delete(id);
    }
    return trial;
  }

  #changedForPlacement(): Set<string> {
    const ids = new Set([...this.#nodes.keys(), ...this.#rooms.keys()]);
    // What a cluster says holds for each of its nodes.
    if (this.#clusters.size > 0) {
      for (const { facts } of this.nodes()) if (this.#clusters.has(facts.clusterId)) ids.add(facts.id);
    }
    return ids;
  }

  eventsSoFar(): number {
    return this.#base.eventsSoFar();
  }

  unresolvedAlert(key: string): AlertRecord | undefined {
    return this.alertDraft.unresolved(key);
  }

  unresolvedAlerts(): Iterable<AlertRecord> {
    return this.alertDraft.allUnresolved();
  }

  /** The fleet as it was before these changes. */
  before(): FleetView {
    return this.#base;
  }

  setCluster(cluster: ClusterRecord): void {
    this.#clusters.set(cluster.id, cluster);
  }

  removeCluster(clusterId: string): void {
    this.#clusters.set(clusterId, null);
  }

  /** Replaces a group's epochs: the last is the present one from the commit on. */
  setMembership(clusterId: string, history: MembershipHistory): void {
    this.#memberships.set(clusterId, history);
  }

  setNode(node: NodeRecord): void {
    this.#nodes.set(node.facts.id, node);
  }

  removeNode(nodeId: string): void {
    this.#nodes.set(nodeId, null);
  }

  /** Null forgets it. */
  setContainer(id: string, container: ContainerRecord | null): void {
    this.#containers.set(id, container);
  }

  setPending(pending: PendingCommand): void {
    this.#pending.set(pending.command.commandId, pending);
  }

  endPending(ended: EndedCommand): void {
    this.#ended.set(ended.commandId, ended);
  }

  /** A container takes, changes or (null) gives back its share of a node. */
  hold(containerId: string, nodeId: string, holding: Holding | null): void {
    this.#rooms.set(nodeId, withHolding(this.room(nodeId), containerId, holding));
    this.#holdingsChanged.add(containerId);
  }

  /** Takes over the changes of an overlay that was laid over this one. */
  merge(inner: FleetOverlay): void {
    for (const [id, cluster] of inner.#clusters) this.#clusters.set(id, cluster);
    for (const [id, history] of inner.#memberships) this.#memberships.set(id, history);
    for (const [id, node] of inner.#nodes) this.#nodes.set(id, node);
    for (const [id, container] of inner.#containers) this.#containers.set(id, container);
    for (const [id, room] of inner.#rooms) this.#rooms.set(id, room);
    for (const id of inner.#holdingsChanged) this.#holdingsChanged.add(id);
    for (const [id, pending] of inner.#pending) this.#pending.set(id, pending);
    for (const [id, ended] of inner.#ended) this.#ended.set(id, ended);
    this.alertDraft.merge(inner.alertDraft);
  }

  changedClusters(): ClusterRecord[] {
    return [...this.#clusters.values()].filter((cluster) => cluster !== null);
  }

  removedClusters(): string[] {
    return [...this.#clusters].filter(([, cluster]) => cluster === null).map(([id]) => id);
  }

  changedMemberships(): { clusterId: string; history: MembershipHistory }[] {
    return [...this.#memberships].map(([clusterId, history]) => ({ clusterId, history }));
  }

  changedNodes(): NodeRecord[] {
    return [...this.#nodes.values()].filter((node) => node !== null);
  }

  removedNodes(): { id: string; name: string }[] {
    const gone = [...this.#nodes].filter(([, node]) => node === null).map(([id]) => this.#base.node(id));
    return gone.flatMap((node) => (node ? [{ id: node.facts.id, name: node.facts.name }] : []));
  }

  changedContainers(): ContainerRecord[] {
    return [...this.#containers.values()].filter((container) => container !== null);
  }

  /** Containers that are not as they were, those that are forgotten included. */
  changedContainerIds(): string[] {
    return [...this.#containers.keys()];
  }

  forgottenContainers(): string[] {
    return [...this.#containers].filter(([, container]) => container === null).map(([id]) => id);
  }

  newCommands(): PendingCommand[] {
    return [...this.#pending.values()];
  }

  endedCommands(): EndedCommand[] {
    return [...this.#ended.values()];
  }

  /** What each container whose share changed anywhere holds now, everywhere. */
  changedHoldings(): { containerId: string; rooms: { nodeId: string; room: NodeRoom }[] }[] {
    return [...this.#holdingsChanged].map((containerId) => ({ containerId, rooms: this.#roomsOf(containerId) }));
  }

  // A container holds room on its place and on its migration's target, changed here or not.
  #roomsOf(containerId: string): { nodeId: string; room: NodeRoom }[] {
    const context = this.container(containerId)?.snapshot.context;
    const nodeIds = new Set(this.#rooms.keys());
    if (context?.placement) nodeIds.add(context.placement.nodeId);
    if (context?.move?.targetNodeId) nodeIds.add(context.move.targetNodeId);
    return [...nodeIds]
      .map((nodeId) => ({ nodeId, room: this.room(nodeId) }))
      .filter(({ room }) => room.holders.has(containerId));
  }

  /** Makes it the committed state; only after the transaction has committed. Commands come numbered by the commit. */
  applyTo(state: FleetState, commands: readonly PendingCommand[]): void {
    for (const [id, cluster] of this.#clusters) {
      if (cluster) state.applyCluster(cluster);
      else state.removeCluster(id);
    }
    for (const [clusterId, history] of this.#memberships) state.applyMembership(clusterId, history);
    for (const [id, node] of this.#nodes) {
      if (node) state.applyNode(node);
      else state.removeNode(id);
    }
    for (const [id, container] of this.#containers) state.applyContainer(id, container);
    for (const [id, room] of this.#rooms) state.applyRoom(id, room);
    for (const pending of commands) state.applyPending(pending.command.commandId, pending);
    for (const id of this.#ended.keys()) state.applyPending(id, null);
    for (const alert of this.alertDraft.changed()) state.applyAlert(alert);
  }
}
