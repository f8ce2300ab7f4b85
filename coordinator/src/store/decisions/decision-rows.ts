import type { EntityData, RequiredEntityData } from "@mikro-orm/core";
import { demandsOf } from "../../domain/container/container-context.ts";
import { CONTAINER_MACHINE_VERSION, containerMachine } from "../../domain/container/container-machine.ts";
import { containerStatus, migrationStatus } from "../../domain/container/container-status.ts";
import { DUTY_MACHINE_VERSION, dutyMachine } from "../../domain/maintenance/duty-machine.ts";
import { NODE_MACHINE_VERSION, nodeMachine } from "../../domain/node/node-machine.ts";
import { constraintTexts } from "../../domain/placement/node-demands.ts";
import type { DecisionChanges, NumberedEvent } from "../../runtime/decision-store.ts";
import { migrationId } from "../../runtime/deterministic-id.ts";
import type { ContainerRecord, NodeRecord, PendingCommand } from "../../runtime/fleet-view.ts";
import type { ActorSnapshotRow, EventRow, OutboxRow } from "../entities/decision-entities.ts";
import type { NodeRow } from "../entities/fleet-entities.ts";
import type { ContainerRow, PortReservationRow, ReservationRow } from "../entities/workload-entities.ts";

// Decisions as rows. The snapshot is the actor's truth; the other columns are derived from it for people's queries.

export function nodeRow({ facts, snapshot, duty, dutyRequestId }: NodeRecord, asOf: number): EntityData<NodeRow> {
  return {
    id: facts.id,
    name: facts.name,
    clusterId: facts.clusterId,
    status: String(snapshot.value),
    session: snapshot.context.session,
    priority: facts.priority,
    schedulable: facts.schedulable,
    labels: { ...facts.labels },
    guarded: facts.guarded,
    clockSound: facts.clockSound,
    address: facts.address,
    peerAddress: facts.peerAddress,
    runtime: facts.runtime,
    architecture: facts.architecture,
    platform: facts.platform,
    agentVersion: facts.agentVersion,
    portPoolMin: facts.portPoolMin,
    portPoolMax: facts.portPoolMax,
    ...facts.capacity,
    certificateSerial: facts.certificateSerial,
    enrolledAt: new Date(facts.enrolledAtMs),
    revokedAt: facts.revokedAtMs === null ? null : new Date(facts.revokedAtMs),
    approval: facts.approval ?? null,
    duty: { state: duty.value, ...duty.context },
    dutyRequestId,
    asOf,
  };
}

export function containerRow({ facts, snapshot, requestId }: ContainerRecord, asOf: number): EntityData<ContainerRow> {
  const { context } = snapshot;
  return {
    id: facts.id,
    name: facts.name,
    eggId: facts.eggId,
    ha: context.ha,
    desired: context.desired,
    status: containerStatus(snapshot),
    statusReason: context.reason,
    nodeId: context.placement?.nodeId ?? null,
    preferredClusterId: context.preferredClusterId,
    epoch: context.placement?.epoch ?? context.lastEpoch,
    ...context.resources,
    spec: facts.spec,
    owner: facts.owner,
    environment: { ...facts.environment },
    allowDataLoss: context.allowDataLoss,
    constraints: constraintTexts(demandsOf(context)),
    architectures: demandsOf(context).architectures,
    migrationStatus: migrationStatus(snapshot),
    migrationId: context.lastMove > 0 ? migrationId(facts.id, context.lastMove) : null,
    lastMigrationAt: context.lastMigrationAt === null ? null : new Date(context.lastMigrationAt),
    restartCount: context.restarts,
    restartPriority: context.priority,
    crashesBeforeMove: context.crashesBeforeMove,
    suspension: context.suspension ?? null,
    imagePin: facts.imagePin ?? null,
    requestId,
    createdAt: new Date(facts.createdAtMs),
    asOf,
  };
}

export function snapshotRows(changes: DecisionChanges): EntityData<ActorSnapshotRow>[] {
  const updatedAt = new Date(changes.atMs);
  return [
    ...changes.nodes.map(({ facts, snapshot }) => ({
      kind: "node",
      id: facts.id,
      machineVersion: NODE_MACHINE_VERSION,
      snapshot: nodeMachine.getPersistedSnapshot(snapshot),
      updatedAt,
    })),
    ...changes.nodes.map(({ facts, duty }) => ({
      kind: "duty",
      id: facts.id,
      machineVersion: DUTY_MACHINE_VERSION,
      snapshot: dutyMachine.getPersistedSnapshot(duty),
      updatedAt,
    })),
    ...changes.containers.map(({ facts, snapshot }) => ({
      kind: "container",
      id: facts.id,
      machineVersion: CONTAINER_MACHINE_VERSION,
      snapshot: containerMachine.getPersistedSnapshot(snapshot),
      updatedAt,
    })),
  ];
}

export function eventRow(event: NumberedEvent): RequiredEntityData<EventRow> {
  const { sequence, atMs, type, severity, message, nodeId, containerId, clusterIds, data, requestId } = event;
  return {
    sequence,
    at: new Date(atMs),
    type,
    severity,
    message,
    nodeId,
    containerId,
    migrationId: event.migrationId,
    clusterIds: [...clusterIds],
    data: { ...data },
    requestId,
  };
}

export function outboxRow(
  { position, nodeId, ordinal, command }: PendingCommand,
  atMs: number,
): RequiredEntityData<OutboxRow> {
  const { commandId, containerId, term, session, epoch, timeoutMs, action, requestId } = command;
  return {
    commandId,
    position,
    nodeId,
    containerId,
    ordinal,
    term,
    session,
    epoch,
    timeoutMs,
    action,
    requestId,
    state: "pending",
    createdAt: new Date(atMs),
  };
}

export function holdingRows(holdings: DecisionChanges["holdings"]): {
  reservations: RequiredEntityData<ReservationRow>[];
  ports: RequiredEntityData<PortReservationRow>[];
} {
  const reservations: RequiredEntityData<ReservationRow>[] = [];
  const ports: RequiredEntityData<PortReservationRow>[] = [];
  for (const { containerId, rooms } of holdings) {
    for (const { nodeId, room } of rooms) {
      const holding = room.holders.get(containerId);
      if (!holding) continue;
      reservations.push({ containerId, nodeId, ...holding.resources });
      for (const port of holding.ports) ports.push({ nodeId, containerId, ...port });
    }
  }
  return { reservations, ports };
}
