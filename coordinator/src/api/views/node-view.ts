import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type NodeSchema, NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { NodeHealthSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Resources } from "../../domain/resources.ts";
import type { LiveNode } from "../../runtime/operations.ts";
import type { NodeReading } from "../../store/read-model/node-readings.ts";
import { momentField, resourcesView } from "./amounts.ts";
import { dutyView } from "./duty-view.ts";

const STATUS: Readonly<Record<string, NodeStatus>> = {
  pending: NodeStatus.PENDING,
  healthy: NodeStatus.HEALTHY,
  unhealthy: NodeStatus.UNHEALTHY,
  dead: NodeStatus.DEAD,
  rejoining: NodeStatus.REJOINING,
};

/** What memory knows of nodes, by node id; fresher than any row. */
export type LiveNodes = ReadonlyMap<string, LiveNode>;

/** What is known in memory, by node id. */
export function liveById(live: readonly LiveNode[]): LiveNodes {
  return new Map(live.map((node) => [node.nodeId, node]));
}

/** A node as the API shows it. */
export function nodeView(reading: NodeReading, live: LiveNodes): MessageInitShape<typeof NodeSchema> {
  const { row } = reading;
  const sign = signOfLife(reading, live);
  return {
    id: row.id,
    name: row.name,
    clusterId: row.clusterId,
    clusterName: reading.clusterName,
    status: nodeStatus(row.status),
    ...lastHeartbeat(sign.lastHeartbeatMs),
    capacity: resourcesView(capacity(reading)),
    allocated: resourcesView(reading.allocated),
    usage: resourcesView(sign.usage),
    address: row.address,
    runtime: row.runtime,
    architecture: row.architecture,
    platform: row.platform,
    agentVersion: row.agentVersion,
    session: BigInt(row.session),
    guarded: row.guarded,
    containerCount: reading.containerCount,
    ...momentField("enrolledAt", row.enrolledAt),
    asOf: reading.asOf,
    duty: dutyView(row.duty),
  };
}

/** A node's health as the API shows it. */
export function nodeHealthView(reading: NodeReading, live: LiveNodes): MessageInitShape<typeof NodeHealthSchema> {
  const sign = signOfLife(reading, live);
  return {
    nodeId: reading.row.id,
    name: reading.row.name,
    status: nodeStatus(reading.row.status),
    ...lastHeartbeat(sign.lastHeartbeatMs),
    capacity: resourcesView(capacity(reading)),
    usage: resourcesView(sign.usage),
    allocated: resourcesView(reading.allocated),
  };
}

/** A node's status on the wire; one that this version does not know is UNSPECIFIED. */
export function nodeStatus(status: string): NodeStatus {
  return STATUS[status] ?? NodeStatus.UNSPECIFIED;
}

function capacity({ row }: NodeReading): Resources {
  return { cpuMillis: row.cpuMillis, memoryBytes: row.memoryBytes, diskBytes: row.diskBytes };
}

/** The newest sign of life, of memory or of the row: after a restart memory is empty until the node is heard of. */
function signOfLife(reading: NodeReading, live: LiveNodes): { lastHeartbeatMs: number | null; usage: Resources } {
  const stored = reading.health;
  const storedMs = stored?.lastHeartbeatAt?.getTime() ?? null;
  const inMemory = live.get(reading.row.id);
  const memoryMs = inMemory?.lastHeartbeatWallMs ?? null;
  if (inMemory !== undefined && memoryMs !== null && (storedMs === null || memoryMs >= storedMs)) {
    return { lastHeartbeatMs: memoryMs, usage: inMemory.usage };
  }
  return {
    lastHeartbeatMs: storedMs,
    usage: {
      cpuMillis: stored?.usedCpuMillis ?? 0,
      memoryBytes: stored?.usedMemoryBytes ?? 0,
      diskBytes: stored?.usedDiskBytes ?? 0,
    },
  };
}

function lastHeartbeat(ms: number | null): { lastHeartbeat?: ReturnType<typeof timestampFromMs> } {
  return ms === null ? {} : { lastHeartbeat: timestampFromMs(Math.round(ms)) };
}
