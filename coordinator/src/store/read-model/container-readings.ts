import { completePolicy, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { EntityManager } from "@mikro-orm/postgresql";
import type { NodeLabels } from "../../domain/node/node-labels.ts";
import type { Place, Reach } from "../../permissions/grant.ts";
import { ContainerEntity, type ContainerRow, type PortReservationRow } from "../entities/workload-entities.ts";
import type { GroupInForce } from "./cluster-readings.ts";
import { type FilterFields, filterConditions, type ListOrder } from "./list-filter.ts";
import { idOrName, noContainer } from "./lookup.ts";
import { type ListQuery, orderedPage } from "./ordered-page.ts";
import { type Page, type PageRequest, pageSize, toPage } from "./page-token.ts";
import { rowsFrom } from "./read-rows.ts";
import { type Snapshot, uuidArray } from "./snapshot.ts";
import { all, containersWithin } from "./within-reach.ts";

/** A container with what other tables say of it. */
export type ContainerReading = {
  readonly row: ContainerRow;
  /** The node it is placed on; null when none. */
  readonly node: {
    readonly name: string;
    readonly address: string;
    readonly clusterId: string;
    readonly clusterName: string;
    readonly labels: NodeLabels;
    readonly architecture: string;
    readonly floatingImages: boolean;
  } | null;
  /** Its ports on that node, by name. During a migration it holds ports on two; it is reached on the one it is placed on. */
  readonly ports: readonly Pick<PortReservationRow, "name" | "protocol" | "hostPort">[];
  /** What its bound follows from: the cluster it is in, or prefers while it is nowhere; null when neither is known. */
  readonly moves: { readonly group: GroupInForce | null; readonly autoMigrate: boolean } | null;
  /** Sequence number of the newest event that this look contains; 0 before the first. */
  readonly asOf: bigint;
};

const same = (...words: readonly string[]) => Object.fromEntries(words.map((word) => [word, word]));

/** What containers are filtered by; status and migration_status as the API shows them. */
const FILTERS: FilterFields = {
  name: { kind: "text", sql: "container.name" },
  status: {
    kind: "word",
    sql: "case when container.migration_status = 'migrating' then 'migrating' else container.status end",
    words: same(
      ...["unplaced", "starting", "running", "stopping", "stopped", "crashed", "unknown", "migrating", "failed"],
      "removing",
    ),
  },
  desired_state: { kind: "word", sql: "container.desired", words: same("running", "stopped", "removed") },
  type: { kind: "word", sql: "container.ha", words: { ha: true, standard: false } },
  egg: { kind: "text", sql: "container.egg_id" },
  node: { kind: "text", sql: "(select at.name from node at where at.id = container.node_id)" },
  cluster: {
    kind: "text",
    sql: "(select home.name from node at join cluster home on home.id = at.cluster_id where at.id = container.node_id)",
  },
  migration_status: {
    kind: "word",
    sql: "container.migration_status",
    words: same("idle", "migrating", "completed", "failed"),
  },
  restart_priority: {
    kind: "word",
    sql: "container.restart_priority",
    words: same("low", "normal", "high", "critical"),
  },
  created_at: { kind: "moment", sql: "container.created_at" },
};

const ORDERS: Readonly<Record<string, ListOrder<ContainerReading>>> = {
  name: { sql: "container.name", type: "text", keyOf: ({ row }) => row.name },
  created_at: { sql: "container.created_at", type: "timestamptz", keyOf: ({ row }) => row.createdAt.toISOString() },
  status: { sql: "container.status", type: "text", keyOf: ({ row }) => row.status },
};

/** A page of the containers within a reach, by name unless told otherwise, and the newest event that it contains. */
export async function containerPage(
  em: EntityManager,
  asked: { readonly nodeId: string | null; readonly reach: Reach } & ListQuery & PageRequest,
): Promise<Page<ContainerReading> & { readonly asOf: bigint }> {
  const size = pageSize(asked);
  const { list, order, after, keyOf } = orderedPage("containers", asked, ORDERS, {
    sql: "container.name",
    keyOf: ({ row }) => row.name,
  });
  const where = all([
    containersWithin(asked.reach, "container.id"),
    ...(asked.nodeId === null ? [] : [{ sql: "container.node_id = ?::uuid", params: [asked.nodeId] }]),
    ...filterConditions(asked.filter ?? "", FILTERS),
    ...after,
  ]);
  const { readings, asOf } = await readContainers(em, {
    where: `${where.sql} order by ${order} limit ?`,
    params: [...where.params, size + 1],
    order,
  });
  return { ...toPage(list, readings, size, keyOf), asOf };
}

/** The containers with these ids, those that exist. */
export async function containersById(
  em: EntityManager,
  ids: readonly string[],
): Promise<Map<string, ContainerReading>> {
  if (ids.length === 0) return new Map();
  const { readings } = await readContainers(em, { where: "id = any(?::uuid[])", params: [uuidArray(ids)] });
  return new Map(readings.map((reading) => [reading.row.id, reading]));
}

/** The container named by id or name. Refuses with not_found, which names `field`. */
export async function containerNamed(em: EntityManager, named: string, field: string): Promise<ContainerReading> {
  const wanted = idOrName(named);
  const [column, value] = "id" in wanted ? ["id", wanted.id] : ["name", wanted.name];
  const { readings } = await readContainers(em, { where: `${column} = ?`, params: [value] });
  const [reading] = readings;
  if (reading === undefined) throw noContainer(named, field);
  return reading;
}

/** Where a container is; see Place. */
export function placeOfContainer({ row, node }: ContainerReading): Place {
  const clusterIds = [row.preferredClusterId, node?.clusterId].filter((id) => typeof id === "string");
  return { clusterIds, containerId: row.id };
}

/** True when a container has this name; null: whichever, otherwise one with another id than this. */
export async function isNameTaken({ em }: Snapshot, name: string, byOtherThan: string | null): Promise<boolean> {
  return (await em.count(ContainerEntity, { name, ...(byOtherThan === null ? {} : { id: { $ne: byOtherThan } }) })) > 0;
}

type ContainerQuestion = {
  readonly where: string;
  readonly params: readonly unknown[];
  /** By columns of "container". */
  readonly order?: string;
};

type RawReading = Record<string, unknown> & {
  readonly seen_to: string;
  /** Null in the one line that there is when no container was found. */
  readonly id: string | null;
  readonly placed_on: ContainerReading["node"];
  readonly ports_there: ContainerReading["ports"] | null;
  readonly auto_migrate: boolean | null;
  readonly group_policy: LeasePolicy | null;
  readonly group_voters: number | null;
};

/**
 * One statement, which sees one moment without a transaction around it, and costs one round trip where reading table by table
 * costs nine. `where` and `order` are ours; what comes from a caller is in `params`.
 */
async function readContainers(
  em: EntityManager,
  { where, params, order = "container.name" }: ContainerQuestion,
): Promise<{ readonly readings: ContainerReading[]; readonly asOf: bigint }> {
  const raw = await em.execute<RawReading[]>(
    `select moment.seen_to, found.*, home.auto_migrate, epoch.policy as group_policy, epoch.voters as group_voters,
            case when node.id is not null then
              jsonb_build_object('name', node.name, 'address', node.address, 'clusterId', node.cluster_id, 'clusterName', coalesce(home.name, ''),
                                 'labels', node.labels, 'architecture', node.architecture,
                                 'floatingImages', coalesce(home.floating_images, false)) end
              as placed_on,
            (select jsonb_agg(jsonb_build_object('name', port.name, 'protocol', port.protocol, 'hostPort', port.host_port)
                              order by port.name, port.host_port)
               from port_reservation port where port.container_id = found.id and port.node_id = found.node_id) as ports_there
       from (select coalesce(max(sequence), 0)::text as seen_to from event) moment
       left join lateral (select * from container where ${where}) found on true
       left join node on node.id = found.node_id
       left join cluster home on home.id = coalesce(node.cluster_id, found.preferred_cluster_id)
       left join lateral (select policy, jsonb_array_length(voters) as voters from membership_epoch
                           where cluster_id = home.id order by membership_epoch.epoch desc limit 1) epoch on true
      order by ${order.replaceAll("container.", "found.")}`,
    [...params],
  );
  const asOf = BigInt(raw[0]?.seen_to ?? "0");
  const present = raw.filter(({ id }) => id !== null);
  const rows = rowsFrom(em, ContainerEntity, present);
  const readings = rows.map((row, index): ContainerReading => {
    const { placed_on, ports_there, auto_migrate, group_policy, group_voters } = present[index] as RawReading;
    const group = group_policy && { policy: completePolicy(group_policy), voterCount: group_voters ?? 0 };
    return {
      row,
      node: placed_on,
      ports: ports_there ?? [],
      moves: auto_migrate === null ? null : { group, autoMigrate: auto_migrate },
      asOf,
    };
  });
  return { readings, asOf };
}
