import { bestNode, type CandidateNode } from "@lormas/coordinator/domain/placement/choose-node.ts";
import { type FailoverDemand, whatIfNodeDies, withoutPlace } from "@lormas/coordinator/domain/placement/what-if.ts";
import { type Findings, plain, type Section } from "../frame/section.ts";

const NODES = 1_000;
const PER_NODE = 10;
const capacity = { cpuMillis: 16_000, memoryBytes: 64 * 2 ** 30, diskBytes: 2 ** 40 };
const wanted = { cpuMillis: 1_000, memoryBytes: 4 * 2 ** 30, diskBytes: 10 * 2 ** 30 };

export const whatIf: Section = {
  name: "what-if",
  measures:
    `what "what if a node dies?" costs for ${NODES} nodes with ${PER_NODE} containers each, and what one choice of a node ` +
    "costs a decision: on committed state in memory, without a database",
  run: async () => whatIfRun(),
};

function whatIfRun(): Findings {
  const nodes = Array.from({ length: NODES }, (_, index) => candidate(index));
  const demandsOf = nodes.map(({ id }) => Array.from({ length: PER_NODE }, (_, index) => demand(id, index)));
  const judge = (index: number): number => {
    const others = nodes.filter((_, other) => other !== index);
    return withoutPlace(whatIfNodeDies(demandsOf[index] ?? [], others, false).containers).length;
  };
  const one = measured(() => judge(0));
  const all = measured(() => nodes.reduce((sum, _, index) => sum + judge(index), 0));
  const choice = measured(() => (bestNode(demand("none", 0).request, nodes) ? 0 : 1));
  return {
    rows: [
      plain("one node dies", one.ms, "ms"),
      plain("every node, one after another", all.ms, "ms"),
      plain("one node weighed for one container", (all.ms / (NODES * NODES * PER_NODE)) * 1e6, "ns"),
      plain("one choice among all nodes", choice.ms, "ms"),
      plain("containers without a place, of all these deaths", all.lost, ""),
    ],
    plots: [],
  };
}

/** Every node is filled a little differently, so that scores differ and the search has to look at all of them. */
function candidate(index: number): CandidateNode {
  return {
    id: `id-${index}`,
    name: `node-${index}`,
    clusterId: "cluster",
    clusterName: "cluster",
    healthy: true,
    schedulable: true,
    guarded: true,
    clockSound: true,
    runtimeReady: true,
    runtime: "docker",
    capacity,
    allocated: {
      cpuMillis: PER_NODE * wanted.cpuMillis + (index % 7),
      memoryBytes: PER_NODE * wanted.memoryBytes + (index % 11) * 2 ** 20,
      diskBytes: PER_NODE * wanted.diskBytes,
    },
    portPool: { min: 20_000, max: 29_999 },
    takenPorts: new Set(Array.from({ length: PER_NODE }, (_, port) => `tcp/${20_000 + port}`)),
    holdsRoom: false,
  };
}

function demand(nodeId: string, index: number): FailoverDemand {
  return {
    containerId: `${nodeId}/${index}`,
    containerName: `web-${index}`,
    held: null,
    onItsWayTo: null,
    startBudgetMs: 1_000,
    request: {
      containerName: `web-${index}`,
      ha: true,
      resources: wanted,
      ports: [{ name: "http", containerPort: 80, protocol: "tcp", fixedHostPort: null }],
      runtimes: ["docker"],
      preferredClusterId: null,
      ownClusterId: "cluster",
      allowOtherClusters: false,
      requestedNodeId: null,
      pinnedNodeId: null,
      excludedNodeIds: [nodeId],
    },
  };
}

function measured(work: () => number): { ms: number; lost: number } {
  work(); // Warm.
  const begun = performance.now();
  const lost = work();
  return { ms: performance.now() - begun, lost };
}
