import type { Reach } from "../../permissions/grant.ts";
import { uuidArray } from "./snapshot.ts";

/** A condition of ours with the values for its question marks. */
export type Condition = { readonly sql: string; readonly params: readonly unknown[] };

const NOTHING_ASKED: Condition = { sql: "true", params: [] };

/**
 * Which containers lie within a reach, of a table whose container's id is `id`: by subquery, so that it stands in any statement.
 * One that is gone lies within the reach of grants for itself alone.
 */
export function containersWithin(reach: Reach, id: string): Condition {
  if (reach === "everything") return NOTHING_ASKED;
  const clusters = uuidArray(reach.clusterIds);
  return {
    sql: `(${id} = any(?::uuid[]) or exists (
             select from container within left join node at on at.id = within.node_id
              where within.id = ${id} and (within.preferred_cluster_id = any(?::uuid[]) or at.cluster_id = any(?::uuid[]))))`,
    params: [uuidArray(reach.containerIds), clusters, clusters],
  };
}

/** Which rows lie within a reach whose cluster's id is `clusterId`. */
export function inClustersWithin(reach: Reach, clusterId: string): Condition {
  if (reach === "everything") return NOTHING_ASKED;
  return { sql: `${clusterId} = any(?::uuid[])`, params: [uuidArray(reach.clusterIds)] };
}

/** Which events lie within a reach: those of its containers, and those that happened in its clusters. */
export function eventsWithin(reach: Reach): Condition {
  if (reach === "everything") return NOTHING_ASKED;
  return {
    sql: "(container_id = any(?::uuid[]) or cluster_ids && ?::uuid[])",
    params: [uuidArray(reach.containerIds), uuidArray(reach.clusterIds)],
  };
}

/** Which alerts lie within a reach: those about its clusters, their nodes, and its containers. */
export function alertsWithin(reach: Reach): Condition {
  if (reach === "everything") return NOTHING_ASKED;
  const clusters = uuidArray(reach.clusterIds);
  const ofContainer = containersWithin(reach, "subject_id");
  return {
    sql: `case subject_kind when 'cluster' then subject_id = any(?::uuid[])
               when 'node' then exists (select from node at where at.id = subject_id and at.cluster_id = any(?::uuid[]))
               else ${ofContainer.sql} end`,
    params: [clusters, clusters, ...ofContainer.params],
  };
}

/** Conditions that must all hold, as one. */
export function all(conditions: readonly Condition[]): Condition {
  if (conditions.length === 0) return NOTHING_ASKED;
  return {
    sql: conditions.map(({ sql }) => `(${sql})`).join(" and "),
    params: conditions.flatMap(({ params }) => params),
  };
}
