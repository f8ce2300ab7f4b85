import { NO_RESOURCES, type Resources } from "../../domain/resources.ts";
import {
  ClusterEntity,
  NodeEntity,
  NodeHealthEntity,
  type NodeHealthRow,
  type NodeRow,
} from "../entities/fleet-entities.ts";
import { type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows } from "./read-rows.ts";
import { distinct, type Snapshot, uuidArray } from "./snapshot.ts";

/** A node with what other tables say of it. */
export type NodeReading = {
  readonly row: NodeRow;
  readonly clusterName: string;
  readonly health: NodeHealthRow | null;
  /** The sum of its reservations. */
  readonly allocated: Resources;
  /** Containers placed on it. */
  readonly containerCount: number;
  readonly asOf: bigint;
};

/** Lists nodes by name. */
export async function listNodes(
  snapshot: Snapshot,
  filter: { readonly clusterId: string | null } & PageRequest,
): Promise<Page<NodeReading>> {
  const size = pageSize(filter);
  const start = pageStart("nodes", filter.pageToken, 1)?.[0];
  const rows = await readRows(
    snapshot,
    NodeEntity,
    {
      ...(filter.clusterId === null ? {} : { clusterId: filter.clusterId }),
      ...(start === undefined ? {} : { name: { $gt: start } }),
    },
    { orderBy: { name: "asc" }, limit: size + 1 },
  );
  const page = toPage("nodes", rows, size, (row) => [row.name]);
  return { ...page, rows: await complete(snapshot, page.rows) };
}

/** Every node, by name; for health, which shows them all. */
export async function allNodes(snapshot: Snapshot): Promise<NodeReading[]> {
  const rows = await readRows(snapshot, NodeEntity, {}, { orderBy: { name: "asc" } });
  return complete(snapshot, rows);
}

/** The nodes with these ids, those that exist. */
export async function nodesById(snapshot: Snapshot, ids: readonly string[]): Promise<Map<string, NodeReading>> {
  if (ids.length === 0) return new Map();
  const rows = await readRows(snapshot, NodeEntity, { id: { $in: [...ids] } });
  return new Map((await complete(snapshot, rows)).map((reading) => [reading.row.id, reading]));
}

async function complete(snapshot: Snapshot, rows: readonly NodeRow[]): Promise<NodeReading[]> {
  if (rows.length === 0) return [];
  const { em, asOf } = snapshot;
  const ids = rows.map((row) => row.id);
  const clusterIds = distinct(rows.map((row) => row.clusterId));
  const clusters = await readRows(snapshot, ClusterEntity, { id: { $in: clusterIds } }, { fields: ["id", "name"] });
  const health = await readRows(snapshot, NodeHealthEntity, { nodeId: { $in: ids } });
  const sums = await em.execute<{ node_id: string; cpu: string; memory: string; disk: string }[]>(
    `select node_id, sum(cpu_millis)::text as cpu, sum(memory_bytes)::text as memory, sum(disk_bytes)::text as disk
       from reservation where node_id = any(?::uuid[]) group by node_id`,
    [uuidArray(ids)],
  );
  const counts = await em.execute<{ node_id: string; containers: number }[]>(
    "select node_id, count(*)::int as containers from container where node_id = any(?::uuid[]) group by node_id",
    [uuidArray(ids)],
  );
  const clusterNames = new Map(clusters.map((cluster) => [cluster.id, cluster.name]));
  const healthOf = new Map(health.map((entry) => [entry.nodeId, entry]));
  const allocatedOf = new Map<string, Resources>(
    sums.map((sum) => [
      sum.node_id,
      { cpuMillis: Number(sum.cpu), memoryBytes: Number(sum.memory), diskBytes: Number(sum.disk) },
    ]),
  );
  const countOf = new Map(counts.map((count) => [count.node_id, count.containers]));
  return rows.map((row) => ({
    row,
    clusterName: clusterNames.get(row.clusterId) ?? "",
    health: healthOf.get(row.id) ?? null,
    allocated: allocatedOf.get(row.id) ?? NO_RESOURCES,
    containerCount: countOf.get(row.id) ?? 0,
    asOf,
  }));
}
