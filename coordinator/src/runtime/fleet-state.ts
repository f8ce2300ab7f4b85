import type { MembershipHistory } from "@lormas/lease/membership.ts";
import { presentEpoch } from "@lormas/lease/membership.ts";
import { type AlertRecord, alertKey } from "../domain/alert/alert.ts";
import { waitsForRoom } from "../domain/container/container-status.ts";
import { PlacementTrial } from "../domain/placement/placement-trial.ts";
import { FleetPlacement, type PlacementChanges } from "./fleet-placement.ts";
import type { ClusterRecord, ContainerRecord, FleetView, NodeRecord, NodeRoom, PendingCommand } from "./fleet-view.ts";
import { sameContainerForPlacement, sameNodeForPlacement } from "./foretold-facts.ts";
import { EMPTY_ROOM } from "./node-room.ts";

/** The committed fleet, in memory. Written only by `apply*` after a commit, and by rehydration. */
export class FleetState implements FleetView {
  readonly #clusters = new Map<string, ClusterRecord>();
  readonly #memberships = new Map<string, MembershipHistory>();
  #newestEpoch = 0;
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #containers = new Map<string, ContainerRecord>();
  readonly #byName = new Map<string, string>();
  readonly #rooms = new Map<string, NodeRoom>();
  readonly #pending = new Map<string, PendingCommand>();
  readonly #pendingOf = new Map<string, Map<string, PendingCommand>>();
  readonly #unplaced = new Set<string>();
  readonly #onDuty = new Set<string>();
  /** Unresolved alerts by key: at most one for a kind and a subject. */
  readonly #alerts = new Map<string, AlertRecord>();
  readonly #moving = new Set<string>();
  readonly #placement = new FleetPlacement(this);
  /** Sequence number of the newest committed event. */
  newestSequence = 0;
  /** Position of the newest committed command. */
  newestPosition = 0;

  /** Rises with every change of what decides on placement, or on what a node's death would mean. */
  get version(): number {
    return this.#placement.version;
  }

  /** What has changed of that since a version; null: so much that it is not told one by one. */
  changedSince(version: number): PlacementChanges | null {
    return this.#placement.changedSince(version);
  }

  cluster = (id: string): ClusterRecord | undefined => this.#clusters.get(id);
  clusters = (): Iterable<ClusterRecord> => this.#clusters.values();
  membership = (clusterId: string): MembershipHistory | null => this.#memberships.get(clusterId) ?? null;
  newestEpoch = (): number => this.#newestEpoch;
  node = (id: string): NodeRecord | undefined => this.#nodes.get(id);
  container = (id: string): ContainerRecord | undefined => this.#containers.get(id);
  room = (nodeId: string): NodeRoom => this.#rooms.get(nodeId) ?? EMPTY_ROOM;
  pending = (commandId: string): PendingCommand | undefined => this.#pending.get(commandId);
  nodes = (): Iterable<NodeRecord> => this.#nodes.values();
  containers = (): Iterable<ContainerRecord> => this.#containers.values();
  onDuty = (): string[] => [...this.#onDuty];
  unplaced = (): string[] => [...this.#unplaced];
  eventsSoFar = (): number => this.newestSequence;
  unresolvedAlert = (key: string): AlertRecord | undefined => this.#alerts.get(key);
  unresolvedAlerts = (): Iterable<AlertRecord> => this.#alerts.values();
  moving = (): string[] => [...this.#moving];
  trial = (): PlacementTrial => new PlacementTrial(this.#placement.index());

  containerByName(name: string): ContainerRecord | undefined {
    const id = this.#byName.get(name);
    return id === undefined ? undefined : this.#containers.get(id);
  }

  pendingOf(nodeId: string): PendingCommand[] {
    return [...(this.#pendingOf.get(nodeId)?.values() ?? [])].sort((a, b) => a.position - b.position);
  }

  applyCluster(cluster: ClusterRecord): void {
    this.#placement.touchAll();
    this.#clusters.set(cluster.id, cluster);
  }

  removeCluster(clusterId: string): void {
    this.#clusters.delete(clusterId);
    this.#memberships.delete(clusterId);
  }

  applyMembership(clusterId: string, history: MembershipHistory): void {
    this.#memberships.set(clusterId, history);
    this.noteEpoch(presentEpoch(history).epoch);
  }

  /** An epoch number that was given once, to whichever group, is not given again. */
  noteEpoch(epoch: number): void {
    this.#newestEpoch = Math.max(this.#newestEpoch, epoch);
  }

  applyNode(node: NodeRecord): void {
    const { id } = node.facts;
    if (!sameNodeForPlacement(this.#nodes.get(id), node)) this.#placement.touchNode(id);
    this.#nodes.set(node.facts.id, node);
    if (node.duty.value === "in_service") this.#onDuty.delete(node.facts.id);
    else this.#onDuty.add(node.facts.id);
  }

  removeNode(nodeId: string): void {
    this.#placement.touchNode(nodeId);
    this.#nodes.delete(nodeId);
    this.#rooms.delete(nodeId);
    this.#onDuty.delete(nodeId);
  }

  applyRoom(nodeId: string, room: NodeRoom): void {
    this.#placement.touchNode(nodeId);
    this.#rooms.set(nodeId, room);
  }

  applyContainer(id: string, container: ContainerRecord | null): void {
    const before = this.#containers.get(id);
    if (!sameContainerForPlacement(before, container)) {
      const homes = new Set([before, container].map((one) => one?.snapshot.context.placement?.nodeId));
      for (const nodeId of homes) if (nodeId) this.#placement.touchDemands(nodeId);
    }
    if (before) this.#byName.delete(before.facts.name);
    this.#unplaced.delete(id);
    this.#moving.delete(id);
    if (!container) {
      this.#containers.delete(id);
      return;
    }
    this.#containers.set(id, container);
    this.#byName.set(container.facts.name, id);
    if (waitsForRoom(container.snapshot)) this.#unplaced.add(id);
    if (container.snapshot.context.move) this.#moving.add(id);
  }

  applyAlert(alert: AlertRecord): void {
    const key = alertKey(alert.kind, alert.subject.id);
    if (alert.state !== "resolved") this.#alerts.set(key, alert);
    else if (this.#alerts.get(key)?.id === alert.id) this.#alerts.delete(key);
  }

  applyPending(commandId: string, pending: PendingCommand | null): void {
    const before = this.#pending.get(commandId);
    if (before) this.#pendingOf.get(before.nodeId)?.delete(commandId);
    if (!pending) {
      this.#pending.delete(commandId);
      return;
    }
    this.#pending.set(commandId, pending);
    let ofNode = this.#pendingOf.get(pending.nodeId);
    if (!ofNode) {
      ofNode = new Map();
      this.#pendingOf.set(pending.nodeId, ofNode);
    }
    ofNode.set(commandId, pending);
    this.newestPosition = Math.max(this.newestPosition, pending.position);
  }

  /** Forgets everything, before it is read anew. */
  clear(): void {
    this.#placement.touchAll();
    for (const map of [this.#clusters, this.#nodes, this.#containers, this.#byName, this.#rooms, this.#pending]) {
      map.clear();
    }
    this.#pendingOf.clear();
    this.#memberships.clear();
    this.#unplaced.clear();
    this.#onDuty.clear();
    this.#alerts.clear();
    this.#moving.clear();
    this.newestSequence = 0;
    this.newestPosition = 0;
  }
}
