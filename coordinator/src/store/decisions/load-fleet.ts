import type { EntityManager } from "@mikro-orm/postgresql";
import { initialTransition } from "xstate";
import { CONTAINER_MACHINE_VERSION, containerMachine } from "../../domain/container/container-machine.ts";
import { containerSnapshotOf } from "../../domain/container/container-snapshot.ts";
import { DUTY_MACHINE_VERSION, type DutySnapshot, dutyMachine } from "../../domain/maintenance/duty-machine.ts";
import { NODE_MACHINE_VERSION, nodeMachine } from "../../domain/node/node-machine.ts";
import { nodeSnapshotOf } from "../../domain/node/node-snapshot.ts";
import { type LoadedFleet, UnreadableFleetError } from "../../runtime/decision-store.ts";
import type { Holding, NodeRoom } from "../../runtime/fleet-view.ts";
import { EMPTY_ROOM, withHolding } from "../../runtime/node-room.ts";
import { AlertEntity } from "../entities/alert-entities.ts";
import { ActorSnapshotEntity, type ActorSnapshotRow, OutboxEntity } from "../entities/decision-entities.ts";
import { ClusterEntity, NodeEntity, NodeHealthEntity } from "../entities/fleet-entities.ts";
import { ContainerEntity, PortReservationEntity, ReservationEntity } from "../entities/workload-entities.ts";
import { alertOfRow } from "./alert-rows.ts";
import { clusterOfRow, loadMemberships } from "./group-rows.ts";

type PersistedActor = { readonly value: unknown; readonly context: unknown };
type NodeState = Parameters<typeof nodeMachine.resolveState>[0];
type DutyState = Parameters<typeof dutyMachine.resolveState>[0];
type ContainerState = Parameters<typeof containerMachine.resolveState>[0];

/**
 * Reads the committed fleet, at the beginning of a term or after a commit whose outcome is unknown. Throws
 * UnreadableFleetError when a snapshot was written by another version of its machine: going on with it could decide on what
 * it does not say.
 */
export async function loadFleet(em: EntityManager): Promise<LoadedFleet> {
  const [clusters, nodes, containers, reservations, ports, outbox, snapshots] = [
    await em.find(ClusterEntity, {}),
    await em.find(NodeEntity, {}),
    await em.find(ContainerEntity, {}),
    await em.find(ReservationEntity, {}),
    await em.find(PortReservationEntity, {}),
    await em.find(OutboxEntity, { state: "pending" }, { orderBy: { position: "asc" } }),
    await em.find(ActorSnapshotEntity, {}),
  ];
  const health = await em.find(NodeHealthEntity, {});
  const alerts = await em.find(AlertEntity, { resolvedAt: null });
  const snapshotOf = new Map(snapshots.map((row) => [`${row.kind}/${row.id}`, row]));
  const [numbers] = await em.execute<{ sequence: string; position: string }[]>(
    `select coalesce((select max(sequence) from event), 0) as sequence,
            coalesce((select max(position) from outbox), 0) as position`,
  );
  const portsOf = Map.groupBy(ports, (port) => `${port.containerId}/${port.nodeId}`);
  const rooms = new Map<string, NodeRoom>();
  for (const row of reservations) {
    const { cpuMillis, memoryBytes, diskBytes } = row;
    const holding: Holding = {
      resources: { cpuMillis, memoryBytes, diskBytes },
      ports: (portsOf.get(`${row.containerId}/${row.nodeId}`) ?? []).map((port) => ({
        name: port.name,
        containerPort: port.containerPort,
        hostPort: port.hostPort,
        protocol: port.protocol === "udp" ? "udp" : "tcp",
      })),
    };
    rooms.set(row.nodeId, withHolding(rooms.get(row.nodeId) ?? EMPTY_ROOM, row.containerId, holding));
  }
  return {
    clusters: clusters.map(clusterOfRow),
    ...(await loadMemberships(em)),
    confirmedEpochs: new Map(
      health.filter((row) => row.confirmedEpoch > 0).map((row) => [row.nodeId, row.confirmedEpoch]),
    ),
    nodes: nodes.map((row) => {
      const { cpuMillis, memoryBytes, diskBytes } = row;
      return {
        facts: {
          id: row.id,
          name: row.name,
          clusterId: row.clusterId,
          schedulable: row.schedulable,
          guarded: row.guarded,
          runtimeReady: true,
          clockSound: row.clockSound,
          address: row.address,
          peerAddress: row.peerAddress,
          runtime: row.runtime,
          architecture: row.architecture,
          platform: row.platform,
          agentVersion: row.agentVersion,
          portPoolMin: row.portPoolMin,
          portPoolMax: row.portPoolMax,
          capacity: { cpuMillis, memoryBytes, diskBytes },
          certificateSerial: row.certificateSerial,
          enrolledAtMs: row.enrolledAt.getTime(),
        },
        snapshot: nodeMachine.resolveState(
          checked(snapshotOf.get(`node/${row.id}`), NODE_MACHINE_VERSION, row.name, nodeSnapshotOf) as NodeState,
        ),
        duty: dutyOf(row, snapshotOf.get(`duty/${row.id}`)),
      };
    }),
    containers: containers.map((row) => {
      const { id, name, eggId, environment, spec, createdAt } = row;
      const stored = snapshotOf.get(`container/${id}`);
      return {
        facts: { id, name, eggId, environment, spec, createdAtMs: createdAt.getTime() },
        snapshot: containerMachine.resolveState(
          checked(stored, CONTAINER_MACHINE_VERSION, name, containerSnapshotOf) as ContainerState,
        ),
      };
    }),
    rooms,
    pending: outbox.map((row) => ({
      position: row.position,
      nodeId: row.nodeId,
      ordinal: row.ordinal,
      command: {
        commandId: row.commandId,
        containerId: row.containerId,
        term: row.term,
        session: row.session,
        epoch: row.epoch,
        timeoutMs: row.timeoutMs,
        action: row.action,
      },
    })),
    unresolvedAlerts: alerts.map(alertOfRow),
    newestSequence: Number(numbers?.sequence ?? 0),
    newestPosition: Number(numbers?.position ?? 0),
  };
}

/** A node that was stored before nodes had duties is in service. */
function dutyOf({ id, name }: { id: string; name: string }, stored: ActorSnapshotRow | undefined): DutySnapshot {
  if (!stored) return initialTransition(dutyMachine, { id, name })[0];
  return dutyMachine.resolveState(
    checked(stored, DUTY_MACHINE_VERSION, name, ifSameVersion(DUTY_MACHINE_VERSION)) as DutyState,
  );
}

type TakeUp = (version: number, stored: PersistedActor) => PersistedActor | null;

const ifSameVersion =
  (known: number): TakeUp =>
  (version, stored) =>
    version === known ? stored : null;

function checked(row: ActorSnapshotRow | undefined, version: number, name: string, takeUp: TakeUp): PersistedActor {
  if (!row) {
    throw new UnreadableFleetError(
      `${name} has no stored actor: the database was changed by hand; restore a backup of it`,
    );
  }
  // Written by snapshotRows; the version says that its shape is known.
  const actor = takeUp(row.machineVersion, row.snapshot as PersistedActor);
  if (actor) return actor;
  throw new UnreadableFleetError(
    `the stored actor of ${name} is of machine version ${row.machineVersion}, this coordinator knows ${version}: ` +
      "run the version that wrote it, or the migration that came with this one",
  );
}
