import type { ContainerEffect } from "../domain/container/container-effects.ts";
import type { ContainerEvent } from "../domain/container/container-events.ts";
import { flapPenalty } from "../domain/node/flap-quarantine.ts";
import type { CandidateNode, Placed, PlacementRequest, TakenPorts } from "../domain/placement/choose-node.ts";
import { bestNode, chooseNode } from "../domain/placement/choose-node.ts";
import type { ContainerRecord, FleetView, NodeRecord, NodeRoom } from "./fleet-view.ts";

/** The fleet at the moment of a decision, wall clock ms. */
export type TimedFleet = FleetView & { readonly atMs: number };

type PlaceEffect = Extract<ContainerEffect, { kind: "place" }>;

/** Asks placement for a node, over the fleet as the decision sees it. */
export function placeContainer(fleet: TimedFleet, container: ContainerRecord, effect: PlaceEffect): Placed {
  return chooseNode(requestOf(fleet, container, effect), [...candidatesOf(fleet, container, effect)]);
}

/** What the container's actor is told of it; `node`: the chosen one. */
export function placementNews(
  { decision, poolPorts }: Placed,
  node: NodeRecord | undefined,
  purpose: PlaceEffect["purpose"],
  at: number,
): ContainerEvent {
  const { summary } = decision;
  if (!node) return { type: "NO_PLACE", at, purpose, summary };
  const { id: nodeId, name: nodeName } = node.facts;
  return { type: "PLACED", at, purpose, nodeId, nodeName, summary, poolPorts };
}

/** True when placement would find a node; without the account of every node that `placeContainer` gives, which costs far more. */
export function findsPlace(fleet: TimedFleet, container: ContainerRecord, effect: PlaceEffect): boolean {
  return bestNode(requestOf(fleet, container, effect), candidatesOf(fleet, container, effect)) !== null;
}

function requestOf(fleet: TimedFleet, { facts, snapshot }: ContainerRecord, effect: PlaceEffect): PlacementRequest {
  const { context } = snapshot;
  const former = effect.homeNodeId === null ? undefined : fleet.room(effect.homeNodeId).holders.get(facts.id);
  const home = effect.homeNodeId === null ? undefined : fleet.node(effect.homeNodeId);
  const ownClusterId = home?.facts.clusterId ?? null;
  const own = ownClusterId === null ? undefined : fleet.cluster(ownClusterId);
  return {
    containerName: context.name,
    ha: context.ha,
    resources: context.resources,
    ports: context.ports,
    formerPorts: former?.ports ?? [],
    runtimes: context.runtimes,
    terminal: context.terminal ?? false,
    demands: context.demands,
    preferredClusterId: context.preferredClusterId,
    ownClusterId,
    allowOtherClusters: own?.allowOtherClusters ?? true,
    requestedNodeId: effect.requestedNodeId,
    pinnedNodeId: effect.pinnedNodeId,
    excludedNodeIds: effect.excludedNodeIds,
    busyNodeIds: effect.busyNodeIds ?? [],
  };
}

function* candidatesOf(fleet: TimedFleet, { facts }: ContainerRecord, effect: PlaceEffect): Iterable<CandidateNode> {
  for (const node of fleet.nodes()) yield candidate(fleet, node, facts.id, effect.avoidPorts, fleet.atMs);
}

/**
 * A node as placement sees it for one container, or, with an empty id, for any that is not on it. Without a moment (wall
 * clock, ms) nothing is held against a node that comes and goes: that it will, nobody knows.
 */
export function candidate(
  fleet: Pick<FleetView, "room" | "cluster">,
  node: NodeRecord,
  containerId: string,
  avoidPorts: readonly string[],
  nowMs: number | null = null,
): CandidateNode {
  const { facts } = node;
  const room = fleet.room(facts.id);
  const cluster = fleet.cluster(facts.clusterId);
  return {
    id: facts.id,
    name: facts.name,
    clusterId: facts.clusterId,
    clusterName: cluster?.name ?? "",
    healthy: node.snapshot.value === "healthy",
    schedulable: facts.schedulable,
    revoked: facts.revokedAtMs !== null,
    guarded: facts.guarded,
    clockSound: facts.clockSound,
    runtimeReady: facts.runtimeReady,
    runtime: facts.runtime,
    labels: facts.labels,
    architecture: facts.architecture,
    capacity: facts.capacity,
    allocated: room.allocated,
    portPool: { min: facts.portPoolMin, max: facts.portPoolMax },
    takenPorts: takenPorts(facts.id, room, containerId, avoidPorts),
    holdsRoom: room.holders.has(containerId),
    priority: facts.priority,
    strategy: cluster?.placement ?? "spread",
    flapPenalty: nowMs === null ? null : flapPenalty(node.snapshot.context.flaps, nowMs),
  };
}

/** What others hold, and what is to be avoided there; the room's own account where neither makes a difference to it. */
function takenPorts(nodeId: string, room: NodeRoom, containerId: string, avoidPorts: readonly string[]): TakenPorts {
  const avoided = avoidPorts.flatMap((avoid) => {
    const [where, key] = avoid.split(" ");
    return where === nodeId && key ? [key] : [];
  });
  if (avoided.length === 0 && !room.holders.has(containerId)) return room.ports;
  const taken = new Set(avoided);
  for (const [key, holder] of room.ports) if (holder !== containerId) taken.add(key);
  return taken;
}
