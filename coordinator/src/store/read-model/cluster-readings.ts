import { completePolicy, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { Reach } from "../../permissions/grant.ts";
import { ClusterEntity, type ClusterRow } from "../entities/fleet-entities.ts";
import { type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { rowsWhere } from "./read-rows.ts";
import { type Snapshot, uuidArray } from "./snapshot.ts";
import { all, inClustersWithin } from "./within-reach.ts";

/** A cluster with its nodes counted. */
export type ClusterReading = {
  readonly row: ClusterRow;
  readonly nodeCount: number;
  readonly healthyNodeCount: number;
  readonly groupInForce: GroupInForce | null;
};

/** What the present epoch of a voting group says; there is none before the cluster's first node. */
export type GroupInForce = { readonly policy: LeasePolicy; readonly voterCount: number };

/** Lists the clusters within a reach, by name. */
export async function listClusters(
  snapshot: Snapshot,
  request: { readonly reach: Reach } & PageRequest,
): Promise<Page<ClusterReading>> {
  const size = pageSize(request);
  const start = pageStart("clusters", request.pageToken, 1)?.[0];
  const where = [inClustersWithin(request.reach, "id"), { sql: "name > ?", params: [start ?? ""] }];
  const rows = await rowsWhere(snapshot, ClusterEntity, all(where), "name", size + 1);
  const page = toPage("clusters", rows, size, (row) => [row.name]);
  return { ...page, rows: await complete(snapshot, page.rows) };
}

/** One cluster; null when there is none. */
export async function clusterById(snapshot: Snapshot, id: string): Promise<ClusterReading | null> {
  const row = await snapshot.em.findOne(ClusterEntity, { id }, { disableIdentityMap: true });
  return row === null ? null : ((await complete(snapshot, [row]))[0] ?? null);
}

async function complete(snapshot: Snapshot, rows: readonly ClusterRow[]): Promise<ClusterReading[]> {
  if (rows.length === 0) return [];
  const counts = await snapshot.em.execute<{ cluster_id: string; nodes: number; healthy: number }[]>(
    `select cluster_id, count(*)::int as nodes, (count(*) filter (where status = 'healthy'))::int as healthy
       from node where cluster_id = any(?::uuid[]) group by cluster_id`,
    [uuidArray(rows.map((row) => row.id))],
  );
  const countOf = new Map(counts.map((count) => [count.cluster_id, count]));
  const inForce = await groupsInForce(
    snapshot,
    rows.map((row) => row.id),
  );
  return rows.map((row) => ({
    row,
    groupInForce: inForce.get(row.id) ?? null,
    nodeCount: countOf.get(row.id)?.nodes ?? 0,
    healthyNodeCount: countOf.get(row.id)?.healthy ?? 0,
  }));
}

/** The present epoch of these clusters' voting groups, by cluster; those that have one. */
export async function groupsInForce(
  { em }: Snapshot,
  clusterIds: readonly string[],
): Promise<Map<string, GroupInForce>> {
  if (clusterIds.length === 0) return new Map();
  const rows = await em.execute<{ cluster_id: string; policy: LeasePolicy; voters: number }[]>(
    `select distinct on (cluster_id) cluster_id, policy, jsonb_array_length(voters) as voters from membership_epoch
      where cluster_id = any(?::uuid[]) order by cluster_id, epoch desc`,
    [uuidArray(clusterIds)],
  );
  return new Map(
    rows.map(({ cluster_id, policy, voters }) => [cluster_id, { policy: completePolicy(policy), voterCount: voters }]),
  );
}
