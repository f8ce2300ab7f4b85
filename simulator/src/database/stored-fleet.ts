import type { AlertRecord } from "@lormas/coordinator/domain/alert/alert.ts";
import { containerMachine } from "@lormas/coordinator/domain/container/container-machine.ts";
import type { LeadershipRecord } from "@lormas/coordinator/domain/leadership/leader-lease.ts";
import { dutyMachine } from "@lormas/coordinator/domain/maintenance/duty-machine.ts";
import { nodeMachine } from "@lormas/coordinator/domain/node/node-machine.ts";
import type { DecisionChanges, HealthSample, LoadedFleet } from "@lormas/coordinator/runtime/decision-store.ts";
import type {
  ClusterRecord,
  ContainerFacts,
  Holding,
  NodeFacts,
  NodeRoom,
  PendingCommand,
} from "@lormas/coordinator/runtime/fleet-view.ts";
import { EMPTY_ROOM, withHolding } from "@lormas/coordinator/runtime/node-room.ts";
import type { MembershipEpoch, MembershipHistory } from "@lormas/lease/membership.ts";
import { StoredText } from "./stored-text.ts";

type StoredActor<Facts> = { readonly facts: Facts; readonly snapshot: StoredText };
type StoredNode = StoredActor<NodeFacts> & { readonly duty: StoredText; readonly dutyRequestId: string };
type StoredContainer = StoredActor<ContainerFacts> & { readonly requestId: string };
type StoredPending = { readonly position: number; readonly nodeId: string; readonly text: string };
type Held = { readonly nodeId: string; readonly holding: Holding };

/** A migration as its row tells. */
export type StoredMigration = { readonly containerId: string; outcome: string; state: string };

/**
 * The committed rows. What is stored is text or plain values, so that nothing that a coordinator holds in memory is shared
 * with what another one reads.
 */
export class StoredFleet {
  leadership: LeadershipRecord | null = null;
  readonly clusters = new Map<string, ClusterRecord>();
  readonly nodes = new Map<string, StoredNode>();
  readonly containers = new Map<string, StoredContainer>();
  readonly holdings = new Map<string, readonly Held[]>();
  readonly migrations = new Map<string, StoredMigration>();
  readonly #pending = new Map<string, StoredPending>();
  readonly #alerts = new Map<string, string>();
  /** Epochs of voting groups by their number, which is the fleet's. */
  readonly #epochs = new Map<number, { readonly clusterId: string; readonly text: string }>();
  /** The membership epoch that a node was last stored to have confirmed; 0: none is known. */
  readonly #confirmedEpochs = new Map<string, number>();
  newestSequence = 0;
  #newestPosition = 0;

  /** Applies one transaction. */
  apply(changes: DecisionChanges): void {
    for (const cluster of changes.clusters) this.clusters.set(cluster.id, structuredClone(cluster));
    for (const { clusterId, history } of changes.memberships) {
      for (const [epoch, stored] of this.#epochs) {
        if (stored.clusterId === clusterId && epoch < history[0].epoch) this.#epochs.delete(epoch);
      }
      for (const membership of history) {
        // What an epoch says never changes once it was given.
        if (this.#epochs.has(membership.epoch)) continue;
        this.#epochs.set(membership.epoch, { clusterId, text: JSON.stringify(membership) });
      }
    }
    for (const { containerId, rooms } of changes.holdings) {
      const held = rooms.flatMap(({ nodeId, room }) => {
        const holding = room.holders.get(containerId);
        return holding ? [{ nodeId, holding: copyOf(holding) }] : [];
      });
      if (held.length > 0) this.holdings.set(containerId, held);
      else this.holdings.delete(containerId);
    }
    for (const id of changes.forgotten) {
      this.containers.delete(id);
      this.holdings.delete(id);
    }
    for (const { id } of changes.removedNodes) this.nodes.delete(id);
    for (const { facts, snapshot, duty, dutyRequestId } of changes.nodes) {
      // What is not a column is not stored either.
      const stored = { ...facts, runtimeReady: true };
      this.nodes.set(facts.id, {
        facts: stored,
        snapshot: new StoredText(() => nodeMachine.getPersistedSnapshot(snapshot)),
        duty: new StoredText(() => dutyMachine.getPersistedSnapshot(duty)),
        dutyRequestId,
      });
    }
    for (const { facts, snapshot, requestId } of changes.containers) {
      const text = new StoredText(() => containerMachine.getPersistedSnapshot(snapshot));
      this.containers.set(facts.id, { facts, snapshot: text, requestId });
    }
    for (const pending of changes.commands) {
      const { position, nodeId, command } = pending;
      this.#pending.set(command.commandId, { position, nodeId, text: JSON.stringify(pending) });
      this.#newestPosition = Math.max(this.#newestPosition, position);
    }
    for (const { commandId } of changes.endedCommands) this.#pending.delete(commandId);
    for (const alert of changes.alerts) {
      if (alert.resolvedAt === null) this.#alerts.set(alert.id, JSON.stringify(alert));
      else this.#alerts.delete(alert.id);
    }
    for (const change of changes.migrations) this.#applyMigration(change);
    this.newestSequence = Math.max(this.newestSequence, changes.newestSequence);
  }

  #applyMigration(change: DecisionChanges["migrations"][number]): void {
    if (change.kind === "begun") {
      this.migrations.set(change.id, { containerId: change.containerId, outcome: "running", state: "" });
      return;
    }
    const migration = this.migrations.get(change.id);
    if (!migration) throw new Error(`a change of migration ${change.id}, which was never begun`);
    if (change.kind === "step") migration.state = change.name;
    if (change.kind === "ended") migration.outcome = change.outcome;
  }

  /** What people see of the nodes. */
  storeHealth(samples: readonly HealthSample[]): void {
    for (const { nodeId, confirmedEpoch } of samples) this.#confirmedEpochs.set(nodeId, confirmedEpoch ?? 0);
  }

  #memberships(): Map<string, MembershipHistory> {
    const memberships = new Map<string, MembershipHistory>();
    for (const [, { clusterId, text }] of [...this.#epochs].sort(([a], [b]) => a - b)) {
      const epoch = JSON.parse(text) as MembershipEpoch;
      const before = memberships.get(clusterId);
      memberships.set(clusterId, before ? [...before, epoch] : [epoch]);
    }
    return memberships;
  }

  /** What a query for the whole fleet answers, built anew. */
  load(): LoadedFleet {
    const rooms = new Map<string, NodeRoom>();
    for (const [containerId, held] of this.holdings) {
      for (const { nodeId, holding } of held) {
        rooms.set(nodeId, withHolding(rooms.get(nodeId) ?? EMPTY_ROOM, containerId, copyOf(holding)));
      }
    }
    return {
      clusters: [...this.clusters.values()].map((cluster) => structuredClone(cluster)),
      memberships: this.#memberships(),
      newestEpoch: Math.max(0, ...this.#epochs.keys()),
      confirmedEpochs: new Map([...this.#confirmedEpochs].filter(([, epoch]) => epoch > 0)),
      nodes: [...this.nodes.values()].map(({ facts, snapshot, duty, dutyRequestId }) => ({
        facts,
        snapshot: nodeMachine.resolveState(JSON.parse(snapshot.text)),
        duty: dutyMachine.resolveState(JSON.parse(duty.text)),
        dutyRequestId,
      })),
      containers: [...this.containers.values()].map(({ facts, snapshot, requestId }) => ({
        facts,
        snapshot: containerMachine.resolveState(JSON.parse(snapshot.text)),
        requestId,
      })),
      rooms,
      pending: [...this.#pending.values()]
        .sort((a, b) => a.position - b.position)
        .map(({ text }) => JSON.parse(text) as PendingCommand),
      unresolvedAlerts: [...this.#alerts.values()].map((text) => JSON.parse(text) as AlertRecord),
      newestSequence: this.newestSequence,
      newestPosition: this.#newestPosition,
    };
  }

  /** Commands whose result is not stored. */
  pendingOf(nodeId: string): string[] {
    return [...this.#pending.values()].filter((pending) => pending.nodeId === nodeId).map(({ text }) => text);
  }
}

// Every transaction that moves a container makes some: structuredClone takes ten times as long.
function copyOf({ resources, ports }: Holding): Holding {
  return { resources: { ...resources }, ports: ports.map((port) => ({ ...port })) };
}
