import { ClusterEntity, NodeEntity } from "../entities/fleet-entities.ts";
import {
  ContainerEntity,
  type ContainerRow,
  PortReservationEntity,
  type PortReservationRow,
} from "../entities/workload-entities.ts";
import { type GroupInForce, groupsInForce } from "./cluster-readings.ts";
import { type Page, type PageRequest, pageSize, pageStart, toPage } from "./page-token.ts";
import { readRows } from "./read-rows.ts";
import { distinct, type Snapshot } from "./snapshot.ts";

/** A container with what other tables say of it. */
export type ContainerReading = {
  readonly row: ContainerRow;
  /** The node it is placed on; null when none. */
  readonly node: {
    readonly name: string;
    readonly address: string;
    readonly clusterName: string;
  } | null;
  /** Its ports on that node, by name. */
  readonly ports: readonly PortReservationRow[];
  /** What its bound follows from: the cluster it is in, or prefers while it is nowhere; null when neither is known. */
  readonly moves: { readonly group: GroupInForce | null; readonly autoMigrate: boolean } | null;
  readonly asOf: bigint;
};

/** Lists containers by name. */
export async function listContainers(
  snapshot: Snapshot,
  filter: { readonly nodeId: string | null } & PageRequest,
): Promise<Page<ContainerReading>> {
  const size = pageSize(filter);
  const start = pageStart("containers", filter.pageToken, 1)?.[0];
  const rows = await readRows(
    snapshot,
    ContainerEntity,
    {
      ...(filter.nodeId === null ? {} : { nodeId: filter.nodeId }),
      ...(start === undefined ? {} : { name: { $gt: start } }),
    },
    { orderBy: { name: "asc" }, limit: size + 1 },
  );
  const page = toPage("containers", rows, size, (row) => [row.name]);
  return { ...page, rows: await complete(snapshot, page.rows) };
}

/** The containers with these ids, those that exist. */
export async function containersById(
  snapshot: Snapshot,
  ids: readonly string[],
): Promise<Map<string, ContainerReading>> {
  if (ids.length === 0) return new Map();
  const rows = await readRows(snapshot, ContainerEntity, { id: { $in: [...ids] } });
  return new Map((await complete(snapshot, rows)).map((reading) => [reading.row.id, reading]));
}

/** True when a container has this name. */
export async function isNameTaken({ em }: Snapshot, name: string): Promise<boolean> {
  return (await em.count(ContainerEntity, { name })) > 0;
}

async function complete(snapshot: Snapshot, rows: readonly ContainerRow[]): Promise<ContainerReading[]> {
  if (rows.length === 0) return [];
  const { asOf } = snapshot;
  const nodes = await readRows(
    snapshot,
    NodeEntity,
    { id: { $in: distinct(rows.map((row) => row.nodeId)) } },
    { fields: ["id", "name", "address", "clusterId"] },
  );
  const clusterIds = distinct([...nodes.map((node) => node.clusterId), ...rows.map((row) => row.preferredClusterId)]);
  const clusters = await readRows(
    snapshot,
    ClusterEntity,
    { id: { $in: clusterIds } },
    { fields: ["id", "name", "autoMigrate"] },
  );
  const ports = await readRows(
    snapshot,
    PortReservationEntity,
    { containerId: { $in: rows.map((row) => row.id) } },
    { orderBy: { name: "asc", hostPort: "asc" } },
  );
  const inForce = await groupsInForce(snapshot, clusterIds);
  const clusterOf = new Map(clusters.map((cluster) => [cluster.id, cluster]));
  const nodeOf = new Map(nodes.map((node) => [node.id, node]));
  const portsOf = Map.groupBy(ports, (port) => port.containerId);
  return rows.map((row) => {
    const node = nodeOf.get(row.nodeId ?? "");
    const cluster = node === undefined ? undefined : clusterOf.get(node.clusterId);
    const home = cluster ?? clusterOf.get(row.preferredClusterId ?? "");
    return {
      row,
      node:
        node === undefined
          ? null
          : {
              name: node.name,
              address: node.address,
              clusterName: cluster?.name ?? "",
            },
      // During a migration a container holds ports on two nodes; it is reached on the one it is placed on.
      ports: (portsOf.get(row.id) ?? []).filter((port) => port.nodeId === row.nodeId),
      moves: home ? { group: inForce.get(home.id) ?? null, autoMigrate: home.autoMigrate } : null,
      asOf,
    };
  });
}
