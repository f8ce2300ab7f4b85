import type { EntityManager } from "@mikro-orm/postgresql";
import type { Place } from "../../permissions/grant.ts";
import type { PlacedKind } from "../../permissions/method-rules.ts";
import { idOrName, isUuid } from "./lookup.ts";

/** A thing with what decides who may see and change it. */
export type Located = { readonly id: string; readonly name: string; readonly place: Place };

type Row = { readonly id: string; readonly name: string; readonly clusters: string; readonly container: string | null };

/** The clusters of the container `c`: of the node that it is placed on, and the one that it prefers. */
const CONTAINER_CLUSTERS = `concat_ws(',', c.preferred_cluster_id, (select cluster_id from node where id = c.node_id))`;

const QUESTIONS: Readonly<Record<PlacedKind, string>> = {
  container: `select c.id, c.name, ${CONTAINER_CLUSTERS} as clusters, c.id as container from container c`,
  node: "select c.id, c.name, c.cluster_id::text as clusters, null as container from node c",
  cluster: "select c.id, c.name, c.id::text as clusters, null as container from cluster c",
  // Of a container that is gone the migration is of no cluster any more.
  migration: `select m.id, m.container_name as name, ${CONTAINER_CLUSTERS} as clusters, m.container_id as container
                from migration m left join container c on c.id = m.container_id`,
  alert: `select a.id, a.kind as name, case a.subject_kind when 'cluster' then a.subject_id::text
                   when 'node' then (select cluster_id::text from node where id = a.subject_id)
                   else ${CONTAINER_CLUSTERS} end as clusters,
                 case when a.subject_kind = 'container' then a.subject_id end as container
            from alert a left join container c on a.subject_kind = 'container' and c.id = a.subject_id`,
};

/** Finds a thing by what a request calls it, in one statement; null when there is none. */
export async function locate(em: EntityManager, kind: PlacedKind, named: string): Promise<Located | null> {
  const [sql, value] = condition(kind, named);
  if (sql === null) return null;
  const [row] = await em.execute<Row[]>(`${QUESTIONS[kind]} where ${sql}`, [value]);
  if (row === undefined) return null;
  const clusterIds = row.clusters === "" || row.clusters === null ? [] : [...new Set(row.clusters.split(","))];
  return { id: row.id, name: row.name, place: { clusterIds, containerId: row.container } };
}

function condition(kind: PlacedKind, named: string): readonly [sql: string | null, value: string] {
  if (kind === "migration" || kind === "alert") {
    return [isUuid(named) ? `${kind === "alert" ? "a" : "m"}.id = ?` : null, named.toLowerCase()];
  }
  const wanted = idOrName(named);
  return "id" in wanted ? ["c.id = ?", wanted.id] : ["c.name = ?", wanted.name];
}
