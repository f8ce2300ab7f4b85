import type { ContainerEvent } from "../domain/container/container-events.ts";
import type { NodeEffect } from "../domain/node/node-context.ts";
import type { FleetView } from "./fleet-view.ts";

type News = Extract<NodeEffect, { kind: "tellContainers" }>["news"];

/** What a node's containers hear of it, each in its own event: those that hold room there, or wait for an answer from there. */
export function nodeNews(
  fleet: FleetView,
  nodeId: string,
  news: News,
  at: number,
): { readonly id: string; readonly event: ContainerEvent }[] {
  const node = fleet.node(nodeId);
  if (!node) return [];
  const concerned = new Set(fleet.room(nodeId).holders.keys());
  // A container that holds no room there any more may still wait for an answer from there.
  for (const { ordinal, command } of fleet.pendingOf(nodeId)) if (ordinal > 0) concerned.add(command.containerId);
  const event: ContainerEvent =
    news === "NODE_DEAD"
      ? {
          type: news,
          at,
          nodeId,
          nodeName: node.facts.name,
          lastHeartbeatAt: node.snapshot.context.lastHeartbeatAt ?? at,
          autoMigrate: fleet.cluster(node.facts.clusterId)?.autoMigrate ?? false,
        }
      : { type: news, at, nodeId };
  return [...concerned].map((id) => ({ id, event }));
}
