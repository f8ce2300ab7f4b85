import { presentEpoch } from "@lormas/lease/membership.ts";
import type { FleetView, NodeRecord } from "../../runtime/fleet-view.ts";
import { containerRow, nodeRow } from "../decisions/decision-rows.ts";
import { clusterRow } from "../decisions/group-rows.ts";
import type { ClusterRow, NodeRow } from "../entities/fleet-entities.ts";
import type { ContainerRow } from "../entities/workload-entities.ts";
import type { ClusterReading, GroupInForce } from "./cluster-readings.ts";
import type { ContainerReading } from "./container-readings.ts";
import type { NodeReading } from "./node-readings.ts";

// What would be read of the database once a decision that is only foretold had been committed: the rows that it would write, joined
// as the readings join theirs. `asOf`: the newest event that there is in truth.

/** A container as it would be read; null: it would not be there. */
export function foretoldContainer(fleet: FleetView, id: string, asOf: bigint): ContainerReading | null {
  const container = fleet.container(id);
  if (!container) return null;
  const row = containerRow(container, Number(asOf)) as ContainerRow;
  const node = fleet.node(row.nodeId ?? "");
  const home = fleet.cluster(node?.facts.clusterId ?? row.preferredClusterId ?? "");
  const held = node && fleet.room(node.facts.id).holders.get(id);
  const ports = [...(held?.ports ?? [])].sort((a, b) => order(a.name, b.name) || a.hostPort - b.hostPort);
  return {
    row,
    node: node ? placedOn(node, fleet) : null,
    ports: ports.map(({ name, protocol, hostPort }) => ({ name, protocol, hostPort })),
    moves: home ? { group: foretoldGroup(fleet, home.id), autoMigrate: home.autoMigrate } : null,
    asOf,
  };
}

/** A cluster as it would be read; null: it would not be there. */
export function foretoldCluster(fleet: FleetView, id: string): ClusterReading | null {
  const cluster = fleet.cluster(id);
  if (!cluster) return null;
  const nodes = [...fleet.nodes()].filter(({ facts }) => facts.clusterId === id);
  return {
    row: clusterRow(cluster) as ClusterRow,
    nodeCount: nodes.length,
    healthyNodeCount: nodes.filter(({ snapshot }) => snapshot.value === "healthy").length,
    groupInForce: foretoldGroup(fleet, id),
  };
}

/** A node as it would be read, but for its health, which no decision changes; null: it would not be there. */
export function foretoldNode(fleet: FleetView, id: string, asOf: bigint): Omit<NodeReading, "health"> | null {
  const node = fleet.node(id);
  if (!node) return null;
  const placed = [...fleet.containers()].filter(({ snapshot }) => snapshot.context.placement?.nodeId === id);
  return {
    row: nodeRow(node, Number(asOf)) as NodeRow,
    clusterName: fleet.cluster(node.facts.clusterId)?.name ?? "",
    allocated: fleet.room(id).allocated,
    containerCount: placed.length,
    asOf,
  };
}

function placedOn({ facts }: NodeRecord, fleet: FleetView): ContainerReading["node"] {
  const { name, address, clusterId, labels, architecture } = facts;
  const cluster = fleet.cluster(clusterId);
  const floatingImages = cluster?.floatingImages ?? false;
  return { name, address, clusterId, clusterName: cluster?.name ?? "", labels, architecture, floatingImages };
}

function foretoldGroup(fleet: FleetView, clusterId: string): GroupInForce | null {
  const history = fleet.membership(clusterId);
  if (history === null) return null;
  const { policy, voters } = presentEpoch(history);
  return { policy, voterCount: voters.length };
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
