import type { FleetOverlay } from "./fleet-overlay.ts";
import type { FleetEvent } from "./unit-of-work.ts";

/**
 * The clusters in which an event happens, for those who may see these alone: of its node, of the node that its container is or was
 * before this decision placed on, the one that its container prefers, and the one that it is about. None twice.
 */
export function clustersOf(fleet: FleetOverlay, { nodeId, containerId, data }: FleetEvent): string[] {
  const found = new Set<string>();
  const ofNode = (id: string | null | undefined): void => {
    if (!id) return;
    // One that has left its cluster in this decision concerns both.
    for (const node of [fleet.node(id), fleet.before().node(id)]) if (node) found.add(node.facts.clusterId);
  };
  ofNode(nodeId);
  if (containerId !== null) {
    for (const container of [fleet.container(containerId), fleet.before().container(containerId)]) {
      const context = container?.snapshot.context;
      ofNode(context?.placement?.nodeId);
      if (context?.preferredClusterId) found.add(context.preferredClusterId);
    }
  }
  const { clusterId } = data;
  if (typeof clusterId === "string") found.add(clusterId);
  return [...found];
}
