import { NO_RESOURCES, type Resources } from "../../domain/resources.ts";
import type { Reach } from "../../permissions/grant.ts";
import {
  ClusterEntity,
  NodeEntity,
  NodeHealthEntity,
  type NodeHealthRow,
  type NodeRow,
} from "../entities/fleet-entities.ts";
import { type FilterFields, filterConditions, type ListOrder } from "./list-filter.ts";
import { type ListQuery, orderedPage } from "./ordered-page.ts";
import { type Page, type PageRequest, pageSize, toPage } from "./page-token.ts";
import { readRows, rowsWhere } from "./read-rows.ts";
import { distinct, type Snapshot, uuidArray } from "./snapshot.ts";
import { all, type Condition, inClustersWithin } from "./within-reach.ts";

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

const FILTERS: FilterFields = {
  name: { kind: "text", sql: "name" },
  status: {
    kind: "word",
    sql: "status",
    words: Object.fromEntries(["pending", "rejoining", "healthy", "unhealthy", "dead"].map((word) => [word, word])),
  },
  cluster: { kind: "text", sql: "(select home.name from cluster home where home.id = node.cluster_id)" },
  labels: { kind: "labels", sql: "labels" },
  runtime: { kind: "text", sql: "runtime" },
  architecture: { kind: "text", sql: "architecture" },
  agent_version: { kind: "text", sql: "agent_version" },
  guarded: { kind: "word", sql: "guarded", words: { true: true, false: false } },
  revoked: { kind: "word", sql: "(revoked_at is not null)", words: { true: true, false: false } },
  enrolled_at: { kind: "moment", sql: "enrolled_at" },
};

const ORDERS: Readonly<Record<string, ListOrder<NodeRow>>> = {
  name: { sql: "name", type: "text", keyOf: (row) => row.name },
  priority: { sql: "priority", type: "int", keyOf: (row) => String(row.priority) },
  enrolled_at: { sql: "enrolled_at", type: "timestamptz", keyOf: (row) => row.enrolledAt.toISOString() },
};

/** Lists the nodes within a reach, by name unless told otherwise. */
export async function listNodes(
  snapshot: Snapshot,
  asked: { readonly clusterId: string | null; readonly reach: Reach } & ListQuery & PageRequest,
): Promise<Page<NodeReading>> {
  const size = pageSize(asked);
  const tie = { sql: "name", keyOf: (row: NodeRow) => row.name };
  const { list, order, after, keyOf } = orderedPage("nodes", asked, ORDERS, tie);
  const where: Condition[] = [
    inClustersWithin(asked.reach, "cluster_id"),
    ...filterConditions(asked.filter ?? "", FILTERS),
    ...after,
  ];
  if (asked.clusterId !== null) where.push({ sql: "cluster_id = ?", params: [asked.clusterId] });
  const rows = await rowsWhere(snapshot, NodeEntity, all(where), order, size + 1);
  const page = toPage(list, rows, size, keyOf);
  return { ...page, rows: await complete(snapshot, page.rows) };
}

/** Which nodes lie within a reach, for those whose answers mention nodes; null: all. */
export async function visibleNodes(em: Snapshot["em"], reach: Reach): Promise<ReadonlySet<string> | null> {
  if (reach === "everything") return null;
  const { sql, params } = inClustersWithin(reach, "cluster_id");
  const rows = await em.execute<{ id: string }[]>(`select id from node where ${sql}`, [...params]);
  return new Set(rows.map(({ id }) => id));
}

/** Every node, by name; for health, which shows them all. */
export async function allNodes(snapshot: Snapshot): Promise<NodeReading[]> {
  const rows = await readRows(snapshot, NodeEntity, {}, { orderBy: { name: "asc" } });
  return complete(snapshot, rows);
}

/** The next nodes by name after one of this name, so many at most; for health. */
export async function nodesAfter(snapshot: Snapshot, name: string, countMax: number): Promise<NodeReading[]> {
  const where: Condition = { sql: "name > ?", params: [name] };
  return complete(snapshot, await rowsWhere(snapshot, NodeEntity, where, "name", countMax));
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
