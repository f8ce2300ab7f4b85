import type { PlacementTrial } from "../domain/placement/placement-trial.ts";
import { type FailoverDemand, whatIfNodeDies } from "../domain/placement/what-if.ts";
import type { ContainerRecord, FleetView, NodeRecord } from "./fleet-view.ts";
import { RANK } from "./migration-queue.ts";

/**
 * The fleet as the emptying of a node would leave it, as far as placement can tell now: the other nodes with what goes
 * there, and what each of them gets.
 */
export function afterDrain(
  fleet: FleetView,
  nodeId: string,
): { readonly left: PlacementTrial; readonly guests: ReadonlyMap<string, readonly FailoverDemand[]> } {
  const node = fleet.node(nodeId);
  const left = fleet.trial();
  left.delete(nodeId);
  // What is held by its data stays on the node; what placement finds no node for blocks the drain, and stays as well.
  const demands = node ? failoverDemands(fleet, node).map((demand) => released(demand)) : [];
  const containers = whatIfNodeDies(demands, left, false);
  const guests = new Map<string, FailoverDemand[]>();
  for (const [index, demand] of demands.entries()) {
    const target = containers[index]?.targetNodeId;
    if (!target) continue;
    const there = guests.get(target);
    if (there) there.push(movedTo(fleet, demand, target));
    else guests.set(target, [movedTo(fleet, demand, target)]);
  }
  return { left, guests };
}

/** A drain moves whatever the policy of automatic migration. */
const released = (demand: FailoverDemand): FailoverDemand =>
  demand.held?.code === "automatic_migration_off" ? { ...demand, held: null } : demand;

function movedTo(fleet: FleetView, demand: FailoverDemand, nodeId: string): FailoverDemand {
  const ownClusterId = fleet.node(nodeId)?.facts.clusterId ?? null;
  const request = { ...demand.request, ownClusterId, excludedNodeIds: [nodeId] };
  return { ...demand, request, onItsWayTo: null };
}

/** The HA containers of a node that its death would set moving, in the order in which they would be placed. */
export function failoverDemands(fleet: FleetView, node: NodeRecord): FailoverDemand[] {
  const nodeId = node.facts.id;
  const cluster = fleet.cluster(node.facts.clusterId);
  const demands: (FailoverDemand & { readonly rank: number })[] = [];
  for (const id of fleet.room(nodeId).holders.keys()) {
    const container = fleet.container(id);
    if (!container) continue;
    const { context } = container.snapshot;
    if (!context.ha || context.desired !== "running" || context.placement?.nodeId !== nodeId) continue;
    demands.push({
      rank: RANK[context.priority],
      containerId: id,
      containerName: context.name,
      startBudgetMs: context.startBudgetMs,
      held: held(container, node, cluster?.autoMigrate ?? false),
      onItsWayTo: context.move?.sourceNodeId === nodeId ? context.move.targetNodeId : null,
      request: {
        containerName: context.name,
        ha: true,
        resources: context.resources,
        ports: context.ports,
        runtimes: context.runtimes,
        terminal: context.terminal ?? false,
        demands: context.demands,
        preferredClusterId: context.preferredClusterId,
        ownClusterId: node.facts.clusterId,
        allowOtherClusters: cluster?.allowOtherClusters ?? true,
        requestedNodeId: null,
        pinnedNodeId: null,
        excludedNodeIds: [nodeId],
      },
    });
  }
  // The order of the migration queue: all of them are without service since the same moment.
  return demands.sort((a, b) => a.rank - b.rank || (a.containerId < b.containerId ? -1 : 1));
}

function held({ snapshot }: ContainerRecord, { facts }: NodeRecord, autoMigrate: boolean): FailoverDemand["held"] {
  const { context } = snapshot;
  if (context.localData && !context.allowDataLoss) {
    const message = `its data is on a local volume of ${facts.name}; it would wait for the node instead of starting empty`;
    return { code: "data_on_dead_node", message };
  }
  if (!autoMigrate) {
    return { code: "automatic_migration_off", message: "automatic migration is off in its cluster" };
  }
  return null;
}
