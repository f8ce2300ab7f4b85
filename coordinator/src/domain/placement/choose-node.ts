import type { NodeLabels } from "../node/node-labels.ts";
import { priorityPoints } from "../node/node-priority.ts";
import { amountOf, amountText, NO_RESOURCES, type Resources } from "../resources.ts";
import type { PortAssignment, PortDemand } from "../workload.ts";
import { meetsDemands, type NodeDemands, unmetDemand } from "./node-demands.ts";
import type { PlacementCandidate, PlacementDecision, PlacementFilter } from "./placement-decision.ts";
import type { PlacementStrategy } from "./placement-strategy.ts";

/** Keys of host ports, see `portKey`: a set, or a map from them to who holds each. */
export type TakenPorts = {
  readonly size: number;
  has(key: string): boolean;
  keys(): Iterable<string>;
};

/** A node as placement sees it. */
export type CandidateNode = {
  readonly id: string;
  readonly name: string;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly healthy: boolean;
  readonly schedulable: boolean;
  /** Its certificate is refused: it lives only until its lease ends. */
  readonly revoked: boolean;
  readonly guarded: boolean;
  /** Its clock runs well enough for leases to hold. */
  readonly clockSound: boolean;
  /** Its container engine answers. */
  readonly runtimeReady: boolean;
  readonly runtime: string;
  readonly labels: NodeLabels;
  /** Of its CPU; empty while its agent has not said. */
  readonly architecture: string;
  readonly capacity: Resources;
  /** What is promised to containers, this one included when it holds room here already. */
  readonly allocated: Resources;
  readonly portPool: { readonly min: number; readonly max: number };
  /** Host ports that other containers hold. */
  readonly takenPorts: TakenPorts;
  /** The container holds room here already: nothing is counted twice. */
  readonly holdsRoom: boolean;
  /** The lower, the more it is preferred; see node-priority.ts. */
  readonly priority: number;
  /** Of its cluster. */
  readonly strategy: PlacementStrategy;
  /** It comes and goes; absent or null when it does not. */
  readonly flapPenalty?: { readonly points: number; readonly reason: string } | null;
};

export type PlacementRequest = {
  readonly containerName: string;
  readonly ha: boolean;
  readonly resources: Resources;
  readonly ports: readonly PortDemand[];
  /** The host ports that it has where it comes from; none when absent. */
  readonly formerPorts?: readonly PortAssignment[];
  readonly runtimes: readonly string[];
  /** It has a terminal, so that `runtimes` are those of its egg that give one; absent: it has none. */
  readonly terminal?: boolean;
  /** Any node, as far as that goes, when absent. */
  readonly demands?: NodeDemands | undefined;
  readonly preferredClusterId: string | null;
  /** The cluster it belongs to now; null at creation: then every cluster is its own. */
  readonly ownClusterId: string | null;
  readonly allowOtherClusters: boolean;
  readonly requestedNodeId: string | null;
  readonly pinnedNodeId: string | null;
  readonly excludedNodeIds: readonly string[];
  /** Nodes that take as many migrations as they may at once; none when absent. */
  readonly busyNodeIds?: readonly string[];
};

export type Placed = {
  readonly decision: PlacementDecision;
  readonly ports: readonly PortAssignment[];
  /** Those of them that were chosen freely, as keys. */
  readonly poolPorts: readonly string[];
};

/** Key of a host port in CandidateNode.takenPorts. */
export function portKey(protocol: string, hostPort: number): string {
  const keys = PORT_KEYS[protocol];
  if (!keys || !(hostPort >= 0 && hostPort <= PORT_MAX)) return `${protocol}/${hostPort}`;
  keys[hostPort] ??= `${protocol}/${hostPort}`;
  return keys[hostPort];
}

const PORT_MAX = 65_535;
/** The keys that were asked for, each made once: they are compared and looked up millions of times. */
const PORT_KEYS: Readonly<Record<string, string[]>> = { tcp: [], udp: [] };

// A cluster outweighs whatever speaks for a single node: priority (at most 4,000 between two nodes), flapping (400), room.
const PREFERRED_CLUSTER_POINTS = 10_000;
const OWN_CLUSTER_POINTS = 5_000;
export const ROOM_POINTS_MAX = 100;
/** Nodes that a summary names when none can take the container. */
export const SUMMARY_NODES_MAX = 5;

/**
 * Chooses a node, or none: filters first, each with its reason, then preferred cluster before own cluster before others,
 * then by the nodes' priority, then the node that keeps the largest share of its scarcest resource free (spread) or the
 * smallest (binpack), then by name. A node that comes and goes falls back by some points. Deterministic.
 */
export function chooseNode(request: PlacementRequest, nodes: readonly CandidateNode[]): Placed {
  const weighed = [...nodes]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((node) => ({ node, ...weigh(request, node) }));
  const best = weighed
    .filter((entry) => entry.candidate.droppedBy === null)
    .reduce<(typeof weighed)[number] | null>(
      (leader, entry) => (leader === null || entry.candidate.score > leader.candidate.score ? entry : leader),
      null,
    );
  const candidates = weighed.map((entry) => entry.candidate);
  const ports = best?.ports ?? [];
  const fixed = new Set(request.ports.filter((port) => port.fixedHostPort !== null).map((port) => port.name));
  return {
    ports,
    poolPorts: ports.filter((port) => !fixed.has(port.name)).map((port) => portKey(port.protocol, port.hostPort)),
    decision: {
      candidates,
      chosenNodeId: best?.node.id ?? null,
      summary: [
        summarise(request, best?.candidate, candidates),
        best ? changedPorts(request, best.node, best.ports) : "",
      ]
        .filter((part) => part !== "")
        .join("; "),
    },
  };
}

/** The choice itself: what `chooseNode` would choose, without the account of why. */
export type Best = { readonly node: CandidateNode; readonly ports: readonly PortAssignment[]; readonly score: number };

/**
 * The node that `chooseNode` would choose, and the ports there, without the account of why: for those who ask a thousand
 * times. Null when none can take it. Of many nodes a PlacementIndex finds the same one sooner.
 */
export function bestNode(request: PlacementRequest, nodes: Iterable<CandidateNode>): Best | null {
  let best: Best | null = null;
  for (const node of nodes) {
    if (!mayTake(request, node)) continue;
    const score = scoreOf(request, node);
    if (best && (score < best.score || (score === best.score && node.name >= best.node.name))) continue;
    // Ports last: they cost most, and seldom decide.
    const ports = assignPorts(request, node);
    if (typeof ports !== "string") best = { node, ports, score };
  }
  return best;
}

/** What speaks for a node that can take it; the order of the sum is that of `chooseNode`'s terms, to the last bit. */
export function scoreOf(request: PlacementRequest, node: CandidateNode): number {
  const flapping = node.flapPenalty?.points ?? 0;
  return clusterPoints(request, node.clusterId) + priorityPoints(node.priority) + roomPoints(request, node) - flapping;
}

/** `firstDrop` has no objection but for ports; without words, since it is asked millions of times. A test compares the two. */
export function mayTake(request: PlacementRequest, node: CandidateNode): boolean {
  if (!node.healthy || !node.schedulable || node.revoked || !node.runtimeReady) return false;
  if (request.ha && !(node.guarded && node.clockSound)) return false;
  if (request.demands && !meetsDemands(request.demands, node)) return false;
  if (lacksRoom(request.resources, node)) return false;
  if (request.pinnedNodeId !== null && request.pinnedNodeId !== node.id) return false;
  if (request.requestedNodeId !== null && request.requestedNodeId !== node.id) return false;
  return (
    !request.excludedNodeIds.includes(node.id) &&
    !request.busyNodeIds?.includes(node.id) &&
    request.runtimes.includes(node.runtime) &&
    clusterAllowed(request, node)
  );
}

/** True when some resource is short. */
export function lacksRoom(asked: Resources, { capacity, allocated, holdsRoom }: CandidateNode): boolean {
  const wanted = holdsRoom ? NO_RESOURCES : asked;
  return (
    (asked.cpuMillis > 0 && allocated.cpuMillis + wanted.cpuMillis > capacity.cpuMillis) ||
    (asked.memoryBytes > 0 && allocated.memoryBytes + wanted.memoryBytes > capacity.memoryBytes) ||
    (asked.diskBytes > 0 && allocated.diskBytes + wanted.diskBytes > capacity.diskBytes)
  );
}

/** What speaks for all nodes of a cluster. */
export function clusterPoints(
  { preferredClusterId, ownClusterId }: Pick<PlacementRequest, "preferredClusterId" | "ownClusterId">,
  clusterId: string,
): number {
  if (preferredClusterId === clusterId) return PREFERRED_CLUSTER_POINTS;
  return ownClusterId === null || ownClusterId === clusterId ? OWN_CLUSTER_POINTS : 0;
}

function roomPoints(request: PlacementRequest, node: CandidateNode): number {
  const free = freeShareAfter(request.resources, node);
  return pointsOfShare(node.strategy === "spread" ? free : 1 - free);
}

/** Points of a share between 0 and 1; rises with it. */
export const pointsOfShare = (share: number): number => Math.round(share * ROOM_POINTS_MAX * 100) / 100;

type Weighed = { candidate: PlacementCandidate; ports: PortAssignment[] };

function weigh(request: PlacementRequest, node: CandidateNode): Weighed {
  const base = { nodeId: node.id, nodeName: node.name };
  const ports = assignPorts(request, node);
  const drop = firstDrop(request, node, ports);
  if (drop || typeof ports === "string") {
    const [droppedBy, reason] = drop ?? (["port", String(ports)] as const);
    return { candidate: { ...base, droppedBy, reason, score: 0, scoreTerms: {} }, ports: [] };
  }
  const free = freeShareAfter(request.resources, node);
  const { flapPenalty: flaps, priority } = node;
  const said = [`${Math.round(free * 100)} % of its scarcest resource stays free`];
  const scoreTerms: Record<string, number> = {
    cluster: clusterPoints(request, node.clusterId),
    [node.strategy]: roomPoints(request, node),
  };
  // Only where it makes a difference: most fleets have neither.
  const preferred = priorityPoints(priority);
  if (preferred !== 0) {
    scoreTerms["priority"] = preferred;
    said.push(`its priority is ${priority}`);
  }
  if (flaps) {
    scoreTerms["flapping"] = -flaps.points;
    said.push(flaps.reason);
  }
  const score = Object.values(scoreTerms).reduce((sum, points) => sum + points, 0);
  return { candidate: { ...base, droppedBy: null, reason: said.join("; "), score, scoreTerms }, ports };
}

function firstDrop(
  request: PlacementRequest,
  node: CandidateNode,
  ports: PortAssignment[] | string,
): [PlacementFilter, string] | null {
  const { resources } = request;
  const lacks = (name: "cpuMillis" | "memoryBytes" | "diskBytes"): boolean =>
    resources[name] > 0 && node.allocated[name] + (node.holdsRoom ? 0 : resources[name]) > node.capacity[name];
  if (request.pinnedNodeId !== null && request.pinnedNodeId !== node.id) {
    return ["data_elsewhere", "the container's data is on another node"];
  }
  if (request.excludedNodeIds.includes(node.id))
    return ["excluded", "it runs there already, or a try on it has failed"];
  if (request.requestedNodeId !== null && request.requestedNodeId !== node.id) {
    return ["not_requested", "another node was asked for"];
  }
  if (!node.healthy) return ["unhealthy", "its heartbeats are missing"];
  if (node.revoked) return ["revoked", "its certificate was revoked"];
  if (!node.schedulable) return ["cordoned", "it takes no new containers"];
  if (!clusterAllowed(request, node))
    return ["other_cluster", `the policy keeps containers out of ${node.clusterName}`];
  if (!request.runtimes.includes(node.runtime)) {
    const needed = request.runtimes.join(" or ");
    const who = request.terminal ? `its terminal (tty) needs ${needed}` : `the egg needs ${needed}`;
    return ["runtime", `it runs ${node.runtime || "nothing"}, ${who}`];
  }
  if (!node.runtimeReady) return ["runtime", `its ${node.runtime} runtime does not answer`];
  const unmet = request.demands ? unmetDemand(request.demands, node) : null;
  if (unmet) return unmet;
  if (request.ha && !node.guarded) return ["unguarded", "no guard holds its lease"];
  if (request.ha && !node.clockSound) return ["clock", "its clock runs too fast or too slow for a lease to hold"];
  if (lacks("cpuMillis")) return ["cpu", shortage(request, node, "cpuMillis")];
  if (lacks("memoryBytes")) return ["memory", shortage(request, node, "memoryBytes")];
  if (lacks("diskBytes")) return ["disk", shortage(request, node, "diskBytes")];
  if (typeof ports === "string") return ["port", ports];
  // Last, so that whoever is dropped by it could take the container as soon as one of those has ended.
  return request.busyNodeIds?.includes(node.id) ? ["busy", "it takes as many migrations as it may at once"] : null;
}

function clusterAllowed(request: PlacementRequest, node: CandidateNode): boolean {
  return (
    request.ownClusterId === null ||
    request.requestedNodeId === node.id ||
    node.clusterId === request.ownClusterId ||
    node.clusterId === request.preferredClusterId ||
    request.allowOtherClusters
  );
}

function shortage(request: PlacementRequest, node: CandidateNode, name: keyof Resources): string {
  const free = Math.max(0, node.capacity[name] - node.allocated[name]);
  const of = amountOf(name, node.capacity[name]);
  return `needs ${amountText(name, request.resources[name])}, ${amountOf(name, free)} of ${of} are free`;
}

/**
 * Gives every demanded port a host port, or says which cannot be had. A port from the pool stays what it was where the container comes
 * from, if the node's pool has that and nobody holds it there: what knows its address need not learn another.
 */
export function assignPorts(
  { ports: demands, formerPorts = [] }: Pick<PlacementRequest, "ports" | "formerPorts">,
  node: CandidateNode,
): PortAssignment[] | string {
  if (demands.length === 0) return [];
  const { min, max } = node.portPool;
  const own = new Set<string>();
  const taken = { has: (key: string): boolean => own.has(key) || node.takenPorts.has(key) };
  const given = new Map<string, number>();
  // Fixed ports first, so that the pool never hands one of them out.
  for (const { name, protocol, fixedHostPort } of demands) {
    if (fixedHostPort === null) continue;
    const key = portKey(protocol, fixedHostPort);
    if (taken.has(key)) return `host port ${key} is taken`;
    own.add(key);
    given.set(name, fixedHostPort);
  }
  // Then those that can stay, so that no other one takes their place.
  for (const { name, protocol } of demands) {
    if (given.has(name)) continue;
    const former = formerPorts.find((one) => one.name === name && one.protocol === protocol)?.hostPort ?? 0;
    const key = portKey(protocol, former);
    if (former < Math.max(1, min) || former > max || taken.has(key)) continue;
    own.add(key);
    given.set(name, former);
  }
  const assigned: PortAssignment[] = [];
  for (const { name, containerPort, protocol } of demands) {
    const hostPort = given.get(name) ?? freePort(protocol, taken, node);
    if (hostPort === null) return `its port pool ${min}-${max} is used up`;
    own.add(portKey(protocol, hostPort));
    assigned.push({ name, containerPort, hostPort, protocol });
  }
  return assigned;
}

function freePort(protocol: string, taken: Pick<TakenPorts, "has">, node: CandidateNode): number | null {
  for (let port = node.portPool.min; port > 0 && port <= node.portPool.max; port++) {
    if (!taken.has(portKey(protocol, port))) return port;
  }
  return null;
}

/** Which ports become others than they were, and why; empty where none does. */
function changedPorts(
  { formerPorts = [] }: PlacementRequest,
  node: CandidateNode,
  ports: readonly PortAssignment[],
): string {
  const { min, max } = node.portPool;
  return ports
    .flatMap(({ name, protocol, hostPort }) => {
      const former = formerPorts.find((one) => one.name === name && one.protocol === protocol);
      if (!former || former.hostPort === hostPort) return [];
      const was = portKey(protocol, former.hostPort);
      const why = node.takenPorts.has(was) ? "is taken there" : `is not in its port pool ${min}-${max}`;
      return [`port ${name} becomes ${portKey(protocol, hostPort)}, since ${was} ${why}`];
    })
    .join("; ");
}

/** The smallest share of any resource that would stay free, 0 to 1. */
function freeShareAfter(resources: Resources, node: CandidateNode): number {
  const share = (name: keyof Resources): number =>
    node.capacity[name] <= 0
      ? 1
      : (node.capacity[name] - node.allocated[name] - (node.holdsRoom ? 0 : resources[name])) / node.capacity[name];
  return Math.max(0, Math.min(1, share("cpuMillis"), share("memoryBytes"), share("diskBytes")));
}

function summarise(
  request: PlacementRequest,
  chosen: PlacementCandidate | undefined,
  candidates: readonly PlacementCandidate[],
): string {
  if (chosen) {
    const others = candidates.filter((candidate) => candidate.droppedBy === null).length - 1;
    return others > 0
      ? `best of ${others + 1} nodes; ${chosen.reason}`
      : `the only node that can take it; ${chosen.reason}`;
  }
  if (candidates.length === 0) return "there are no nodes";
  const dropped = candidates
    .filter((candidate) => candidate.droppedBy !== "not_requested")
    .slice(0, SUMMARY_NODES_MAX)
    .map((candidate) => `${candidate.nodeName}: ${candidate.reason}`);
  const more = candidates.length > SUMMARY_NODES_MAX ? "; …" : "";
  return `no node can take ${request.containerName} (${dropped.join("; ")}${more})`;
}
