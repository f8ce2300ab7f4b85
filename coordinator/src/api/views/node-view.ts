import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type NodeSchema, NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { NodeHealthSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { NodeApproval } from "../../domain/node/node-approval.ts";
import type { Resources } from "../../domain/resources.ts";
import { nodeEtag } from "../../runtime/etag.ts";
import type { CoordinatorStatus, LiveNode } from "../../runtime/operations.ts";
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
export type LiveNodes = { get(nodeId: string): LiveNode | undefined };

/** What is known in memory when it is asked: nobody pays for nodes that are not shown. */
export function liveNodes(status: Pick<CoordinatorStatus, "liveNode">): LiveNodes {
  return { get: (nodeId) => status.liveNode(nodeId) };
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
    portPoolMin: row.portPoolMin,
    portPoolMax: row.portPoolMax,
    platform: row.platform,
    agentVersion: row.agentVersion,
    session: BigInt(row.session),
    guarded: row.guarded,
    priority: row.priority,
    labels: { ...row.labels },
    ...momentField("revokedAt", row.revokedAt),
    ...approvalField(row.approval ?? null),
    containerCount: reading.containerCount,
    ...momentField("enrolledAt", row.enrolledAt),
    asOf: reading.asOf,
    duty: dutyView(row.duty),
    etag: nodeEtag(row),
  };
}

function approvalField(approval: NodeApproval | null) {
  if (approval === null) return {};
  const { keyFingerprint, askedAtMs, untilMs } = approval;
  const [askedAt, until] = [askedAtMs, untilMs].map((ms) => timestampFromMs(Math.round(ms)));
  return { approval: { keyFingerprint, ...(askedAt && { askedAt }), ...(until && { until }) } };
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
