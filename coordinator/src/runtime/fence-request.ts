import type { FenceRequest } from "./fence-hook.ts";
import type { FleetView } from "./fleet-view.ts";

/**
 * What the fence hook is to be told of a node that has been silent for so long; null when nothing would be won by cutting it
 * off: it holds no HA container, or its cluster moves nothing by itself.
 */
export function fenceRequest(
  fleet: FleetView,
  nodeId: string,
  silentForMs: number,
  isSilent: (nodeId: string) => boolean,
): FenceRequest | null {
  const node = fleet.node(nodeId);
  const cluster = node && fleet.cluster(node.facts.clusterId);
  if (!node || !cluster?.autoMigrate) return null;
  const ha = [...fleet.room(nodeId).holders.keys()].filter((id) => fleet.container(id)?.snapshot.context.ha);
  if (ha.length === 0) return null;
  let nodes = 0;
  let silentNodes = 0;
  for (const { facts, snapshot } of fleet.nodes()) {
    if (facts.clusterId !== cluster.id || snapshot.value === "dead" || snapshot.value === "pending") continue;
    nodes += 1;
    if (isSilent(facts.id)) silentNodes += 1;
  }
  const containers = `${ha.length} HA ${ha.length === 1 ? "container" : "containers"}`;
  return {
    nodeId,
    nodeName: node.facts.name,
    address: node.facts.address,
    clusterName: cluster.name,
    reason: `no heartbeat for ${(silentForMs / 1000).toFixed(1)} s, and it holds ${containers}`,
    silentNodes,
    nodes,
  };
}
