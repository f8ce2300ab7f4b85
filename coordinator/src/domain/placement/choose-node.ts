import { NO_RESOURCES, type Resources } from "../resources.ts";
import type { PortAssignment, PortDemand } from "../workload.ts";
import type { PlacementCandidate, PlacementDecision, PlacementFilter } from "./placement-decision.ts";

/** A node as placement sees it. */
export type CandidateNode = {
  readonly id: string;
  readonly name: string;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly healthy: boolean;
  readonly schedulable: boolean;
  readonly guarded: boolean;
  /** Its clock runs well enough for leases to hold. */
  readonly clockSound: boolean;
  /** Its container engine answers. */
  readonly runtimeReady: boolean;
  readonly runtime: string;
  readonly capacity: Resources;
  /** What is promised to containers, this one included when it holds room here already. */
  readonly allocated: Resources;
  readonly portPool: { readonly min: number; readonly max: number };
  /** Host ports that other containers hold. */
  readonly takenPorts: ReadonlySet<string>;
  /** The container holds room here already: nothing is counted twice. */
  readonly holdsRoom: boolean;
  /** It comes and goes; absent or null when it does not. */
  readonly flapPenalty?: { readonly points: number; readonly reason: string } | null;
};

export type PlacementRequest = {
  readonly containerName: string;
  readonly ha: boolean;
  readonly resources: Resources;
  readonly ports: readonly PortDemand[];
  readonly runtimes: readonly string[];
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
export const portKey = (protocol: string, hostPort: number): string => `${protocol}/${hostPort}`;

const PREFERRED_CLUSTER_POINTS = 1_000;
const OWN_CLUSTER_POINTS = 500;
const SPREAD_POINTS_MAX = 100;

/**
 * Chooses a node, or none: filters first, each with its reason, then preferred cluster before own cluster before others,
 * then the node that keeps the largest share of its scarcest resource free (spread), then by name. Deterministic.
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
      summary: summarise(request, best?.candidate, candidates),
    },
  };
}

/**
 * The node that `chooseNode` would choose, and the ports there, without the account of why: for those who ask a thousand
 * times. Null when none can take it.
 */
export function bestNode(
  request: PlacementRequest,
  nodes: readonly CandidateNode[],
): { readonly node: CandidateNode; readonly ports: readonly PortAssignment[] } | null {
  let best: { node: CandidateNode; ports: PortAssignment[]; score: number } | null = null;
  for (const node of nodes) {
    if (!mayTake(request, node)) continue;
    const flapping = node.flapPenalty?.points ?? 0;
    const score = clusterPoints(request, node) + spreadPoints(request, node) - flapping;
    if (best && (score < best.score || (score === best.score && node.name >= best.node.name))) continue;
    // Ports last: they cost most, and seldom decide.
    const ports = assignPorts(request.ports, node);
    if (typeof ports !== "string") best = { node, ports, score };
  }
  return best;
}

/** `firstDrop` has no objection but for ports; without words, since it is asked millions of times. A test compares the two. */
function mayTake(request: PlacementRequest, node: CandidateNode): boolean {
  if (!node.healthy || !node.schedulable || !node.runtimeReady) return false;
  if (request.ha && !(node.guarded && node.clockSound)) return false;
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

function lacksRoom(asked: Resources, { capacity, allocated, holdsRoom }: CandidateNode): boolean {
  const wanted = holdsRoom ? NO_RESOURCES : asked;
  return (
    (asked.cpuMillis > 0 && allocated.cpuMillis + wanted.cpuMillis > capacity.cpuMillis) ||
    (asked.memoryBytes > 0 && allocated.memoryBytes + wanted.memoryBytes > capacity.memoryBytes) ||
    (asked.diskBytes > 0 && allocated.diskBytes + wanted.diskBytes > capacity.diskBytes)
  );
}

function clusterPoints(request: PlacementRequest, node: CandidateNode): number {
  if (request.preferredClusterId === node.clusterId) return PREFERRED_CLUSTER_POINTS;
  return request.ownClusterId === null || request.ownClusterId === node.clusterId ? OWN_CLUSTER_POINTS : 0;
}

function spreadPoints(request: PlacementRequest, node: CandidateNode): number {
  return Math.round(freeShareAfter(request.resources, node) * SPREAD_POINTS_MAX * 100) / 100;
}

type Weighed = { candidate: PlacementCandidate; ports: PortAssignment[] };

function weigh(request: PlacementRequest, node: CandidateNode): Weighed {
  const base = { nodeId: node.id, nodeName: node.name };
  const ports = assignPorts(request.ports, node);
  const drop = firstDrop(request, node, ports);
  if (drop || typeof ports === "string") {
    const [droppedBy, reason] = drop ?? (["port", String(ports)] as const);
    return { candidate: { ...base, droppedBy, reason, score: 0, scoreTerms: {} }, ports: [] };
  }
  const free = freeShareAfter(request.resources, node);
  const scoreTerms = { cluster: clusterPoints(request, node), spread: spreadPoints(request, node) };
  const roomy = `${Math.round(free * 100)} % of its scarcest resource stays free`;
  const flaps = node.flapPenalty;
  const candidate = flaps
    ? {
        reason: `${roomy}; ${flaps.reason}`,
        score: scoreTerms.cluster + scoreTerms.spread - flaps.points,
        scoreTerms: { ...scoreTerms, flapping: -flaps.points },
      }
    : { reason: roomy, score: scoreTerms.cluster + scoreTerms.spread, scoreTerms };
  return { candidate: { ...base, droppedBy: null, ...candidate }, ports };
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
  if (!node.schedulable) return ["cordoned", "it takes no new containers"];
  if (!clusterAllowed(request, node))
    return ["other_cluster", `the policy keeps containers out of ${node.clusterName}`];
  if (!request.runtimes.includes(node.runtime)) {
    return ["runtime", `it runs ${node.runtime || "nothing"}, the egg needs ${request.runtimes.join(" or ")}`];
  }
  if (!node.runtimeReady) return ["runtime", `its ${node.runtime} runtime does not answer`];
  if (request.ha && !node.guarded) return ["unguarded", "no guard holds its lease"];
  if (request.ha && !node.clockSound) return ["clock", "its clock runs too fast or too slow for a lease to hold"];
  if (lacks("cpuMillis")) return ["cpu", shortage(request, node, "cpuMillis", cores, "cores")];
  if (lacks("memoryBytes")) return ["memory", shortage(request, node, "memoryBytes", mebibytes, "MiB of memory")];
  if (lacks("diskBytes")) return ["disk", shortage(request, node, "diskBytes", mebibytes, "MiB of disk")];
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

const cores = (millis: number): string => String(millis / 1_000);
const mebibytes = (bytes: number): string => String(Math.round(bytes / 1_048_576));

function shortage(
  request: PlacementRequest,
  node: CandidateNode,
  name: keyof Resources,
  show: (amount: number) => string,
  unit: string,
): string {
  const free = Math.max(0, node.capacity[name] - node.allocated[name]);
  const needed = show(request.resources[name]);
  const named = needed === "1" && unit === "cores" ? "core" : unit;
  return `needs ${needed} ${named}, ${show(free)} of ${show(node.capacity[name])} are free`;
}

/** Gives every demanded port a host port, or says which cannot be had. */
function assignPorts(demands: readonly PortDemand[], node: CandidateNode): PortAssignment[] | string {
  const taken = new Set(node.takenPorts);
  const assigned: PortAssignment[] = [];
  // Fixed ports first, so that the pool never hands one of them out.
  for (const demand of demands) {
    if (demand.fixedHostPort === null) continue;
    const key = portKey(demand.protocol, demand.fixedHostPort);
    if (taken.has(key)) return `host port ${key} is taken`;
    taken.add(key);
  }
  for (const demand of demands) {
    const hostPort = demand.fixedHostPort ?? freePort(demand.protocol, taken, node);
    if (hostPort === null) return `its port pool ${node.portPool.min}-${node.portPool.max} is used up`;
    taken.add(portKey(demand.protocol, hostPort));
    assigned.push({ name: demand.name, containerPort: demand.containerPort, hostPort, protocol: demand.protocol });
  }
  return assigned;
}

function freePort(protocol: string, taken: ReadonlySet<string>, node: CandidateNode): number | null {
  for (let port = node.portPool.min; port > 0 && port <= node.portPool.max; port++) {
    if (!taken.has(portKey(protocol, port))) return port;
  }
  return null;
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
    .slice(0, 5)
    .map((candidate) => `${candidate.nodeName}: ${candidate.reason}`);
  return `no node can take ${request.containerName} (${dropped.join("; ")}${candidates.length > 5 ? "; …" : ""})`;
}
