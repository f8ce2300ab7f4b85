import type { ContainerEffect } from "../domain/container/container-effects.ts";
import { flapPenalty } from "../domain/node/flap-quarantine.ts";
import type { CandidateNode, Placed } from "../domain/placement/choose-node.ts";
import { chooseNode } from "../domain/placement/choose-node.ts";
import type { ContainerRecord, FleetView, NodeRecord } from "./fleet-view.ts";

/** The fleet at the moment of a decision, wall clock ms. */
export type TimedFleet = FleetView & { readonly atMs: number };

type PlaceEffect = Extract<ContainerEffect, { kind: "place" }>;

/** Asks placement for a node, over the fleet as the decision sees it. */
export function placeContainer(fleet: TimedFleet, container: ContainerRecord, effect: PlaceEffect): Placed {
  const { context } = container.snapshot;
  const home = effect.homeNodeId === null ? undefined : fleet.node(effect.homeNodeId);
  const ownClusterId = home?.facts.clusterId ?? null;
  const own = ownClusterId === null ? undefined : fleet.cluster(ownClusterId);
  return chooseNode(
    {
      containerName: context.name,
      ha: context.ha,
      resources: context.resources,
      ports: context.ports,
      runtimes: context.runtimes,
      preferredClusterId: context.preferredClusterId,
      ownClusterId,
      allowOtherClusters: own?.allowOtherClusters ?? true,
      requestedNodeId: effect.requestedNodeId,
      pinnedNodeId: effect.pinnedNodeId,
      excludedNodeIds: effect.excludedNodeIds,
      busyNodeIds: effect.busyNodeIds ?? [],
    },
    [...fleet.nodes()].map((node) => candidate(fleet, node, context.id, effect.avoidPorts, fleet.atMs)),
  );
}

/**
 * A node as placement sees it for one container, or, with an empty id, for any that is not on it. Without a moment (wall
 * clock, ms) nothing is held against a node that comes and goes: that it will, nobody knows.
 */
export function candidate(
  fleet: FleetView,
  node: NodeRecord,
  containerId: string,
  avoidPorts: readonly string[],
  nowMs: number | null = null,
): CandidateNode {
  const { facts } = node;
  const room = fleet.room(facts.id);
  const takenPorts = new Set<string>();
  for (const [key, holder] of room.ports) if (holder !== containerId) takenPorts.add(key);
  for (const avoided of avoidPorts) {
    const [nodeId, key] = avoided.split(" ");
    if (nodeId === facts.id && key) takenPorts.add(key);
  }
  return {
    id: facts.id,
    name: facts.name,
    clusterId: facts.clusterId,
    clusterName: fleet.cluster(facts.clusterId)?.name ?? "",
    healthy: node.snapshot.value === "healthy",
    schedulable: facts.schedulable,
    guarded: facts.guarded,
    clockSound: facts.clockSound,
    runtimeReady: facts.runtimeReady,
    runtime: facts.runtime,
    capacity: facts.capacity,
    allocated: room.allocated,
    portPool: { min: facts.portPoolMin, max: facts.portPoolMax },
    takenPorts,
    holdsRoom: room.holders.has(containerId),
    flapPenalty: nowMs === null ? null : flapPenalty(node.snapshot.context.flaps, nowMs),
  };
}
