import { initialTransition } from "xstate";
import { CONTAINER_MACHINE_VERSION, containerMachine } from "../../domain/container/container-machine.ts";
import { containerSnapshotOf } from "../../domain/container/container-snapshot.ts";
import { DUTY_MACHINE_VERSION, type DutySnapshot, dutyMachine } from "../../domain/maintenance/duty-machine.ts";
import { NODE_MACHINE_VERSION, nodeMachine } from "../../domain/node/node-machine.ts";
import { nodeSnapshotOf } from "../../domain/node/node-snapshot.ts";
import { type LoadedFleet, UnreadableFleetError } from "../../runtime/decision-store.ts";
import type { Holding } from "../../runtime/fleet-view.ts";
import { roomOf } from "../../runtime/node-room.ts";
import type { ActorSnapshotRow } from "../entities/decision-entities.ts";
import { alertOfRow } from "./alert-rows.ts";
import type { FleetRows } from "./fleet-rows.ts";
import { clusterOfRow } from "./group-rows.ts";

type PersistedActor = { readonly value: unknown; readonly context: unknown };
type NodeState = Parameters<typeof nodeMachine.resolveState>[0];
type DutyState = Parameters<typeof dutyMachine.resolveState>[0];
type ContainerState = Parameters<typeof containerMachine.resolveState>[0];

/**
 * The committed fleet, of what its tables have. Throws UnreadableFleetError when a snapshot was written by another version of its
 * machine: going on with it could decide on what it does not say. Pauses now and then, since of a large fleet it takes seconds,
 * in which readers want to be answered.
 */
export async function fleetOf(rows: FleetRows, pause: () => Promise<void>): Promise<LoadedFleet> {
  const { clusters, nodes, containers, reservations, ports, pending, snapshots, health, alerts } = rows;
  const keyOf = new Map(
    rows.keys.map(({ containerId, id, masterKeyId, wrapped }) => [containerId, { id, masterKeyId, wrapped }]),
  );
  const snapshotOf = new Map(snapshots.map((row) => [`${row.kind}/${row.id}`, row]));
  const portsOf = Map.groupBy(ports, (port) => `${port.containerId}/${port.nodeId}`);
  const holdersOf = new Map<string, Map<string, Holding>>();
  await eachInTurn(reservations, pause, (row) => {
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
    const holders = holdersOf.get(row.nodeId);
    if (holders) holders.set(row.containerId, holding);
    else holdersOf.set(row.nodeId, new Map([[row.containerId, holding]]));
  });
  const rooms = await eachInTurn([...holdersOf], pause, ([nodeId, holders]) => [nodeId, roomOf(holders)] as const);
  return {
    clusters: clusters.map(clusterOfRow),
    memberships: rows.memberships,
    newestEpoch: rows.newestEpoch,
    confirmedEpochs: new Map(
      health.filter((row) => row.confirmedEpoch > 0).map((row) => [row.nodeId, row.confirmedEpoch]),
    ),
    nodes: await eachInTurn(nodes, pause, (row) => {
      const { cpuMillis, memoryBytes, diskBytes } = row;
      return {
        facts: {
          id: row.id,
          name: row.name,
          clusterId: row.clusterId,
          priority: row.priority,
          schedulable: row.schedulable,
          labels: row.labels,
          revokedAtMs: row.revokedAt?.getTime() ?? null,
          approval: row.approval ?? null,
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
        dutyRequestId: row.dutyRequestId,
      };
    }),
    containers: await eachInTurn(containers, pause, (row) => {
      const { id, name, eggId, environment, spec, imagePin, owner, createdAt } = row;
      const stored = snapshotOf.get(`container/${id}`);
      return {
        facts: {
          id,
          name,
          eggId,
          environment,
          secretKey: keyOf.get(id) ?? null,
          spec,
          imagePin: imagePin ?? null,
          owner,
          createdAtMs: createdAt.getTime(),
        },
        snapshot: containerMachine.resolveState(
          checked(stored, CONTAINER_MACHINE_VERSION, name, containerSnapshotOf) as ContainerState,
        ),
        requestId: row.requestId,
      };
    }),
    rooms: new Map(rooms),
    pending: pending.map((row) => ({
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
        requestId: row.requestId,
      },
    })),
    unresolvedAlerts: alerts.map(alertOfRow),
    newestSequence: rows.newestSequence,
    newestPosition: rows.newestPosition,
  };
}

/** Rows, or what was made of them, that are taken up between two pauses: about 5 ms. */
const TURN_MAX = 500;

async function eachInTurn<From, To>(
  all: readonly From[],
  pause: () => Promise<void>,
  make: (one: From) => To,
): Promise<To[]> {
  const made: To[] = [];
  for (const one of all) {
    if (made.length > 0 && made.length % TURN_MAX === 0) await pause();
    made.push(make(one));
  }
  return made;
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
