// What "what if a node dies?" costs for a whole fleet, and what N+1 costs a decision: on committed state in memory, without
// a database. Run: npm run bench:what-if -- [--nodes 1000] [--containers-per-node 10] [--json FILE]
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { bestNode, type CandidateNode } from "@lormas/coordinator/domain/placement/choose-node.ts";
import { type FailoverDemand, whatIfNodeDies, withoutPlace } from "@lormas/coordinator/domain/placement/what-if.ts";

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "1000" },
    "containers-per-node": { type: "string", default: "10" },
    json: { type: "string" },
  },
});
const nodeCount = Number(values.nodes);
const perNode = Number(values["containers-per-node"]);
const capacity = { cpuMillis: 16_000, memoryBytes: 64 * 2 ** 30, diskBytes: 2 ** 40 };
const wanted = { cpuMillis: 1_000, memoryBytes: 4 * 2 ** 30, diskBytes: 10 * 2 ** 30 };

// Every node is filled a little differently, so that scores differ and the search has to look at all of them.
const nodes: CandidateNode[] = Array.from({ length: nodeCount }, (_, index) => ({
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
    cpuMillis: perNode * wanted.cpuMillis + (index % 7),
    memoryBytes: perNode * wanted.memoryBytes + (index % 11) * 2 ** 20,
    diskBytes: perNode * wanted.diskBytes,
  },
  portPool: { min: 20_000, max: 29_999 },
  takenPorts: new Set(Array.from({ length: perNode }, (__, port) => `tcp/${20_000 + port}`)),
  holdsRoom: false,
}));

const demand = (nodeId: string, index: number): FailoverDemand => ({
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
});
const demandsOf = nodes.map(({ id }) => Array.from({ length: perNode }, (_, index) => demand(id, index)));

function measured(work: () => number): { ms: number; lost: number } {
  work(); // Warm.
  const begun = performance.now();
  const lost = work();
  return { ms: performance.now() - begun, lost };
}

const judge = (index: number): number => {
  const others = nodes.filter((_, other) => other !== index);
  return withoutPlace(whatIfNodeDies(demandsOf[index] ?? [], others, false).containers).length;
};
const one = measured(() => judge(0));
const all = measured(() => nodes.reduce((sum, _, index) => sum + judge(index), 0));
const weighings = nodeCount * nodeCount * perNode;
const choice = measured(() => (bestNode(demand("none", 0).request, nodes) ? 0 : 1));
const report = {
  cpu: cpus()[0]?.model ?? "unknown",
  nodes: nodeCount,
  containers: nodeCount * perNode,
  oneNodeMs: Number(one.ms.toFixed(2)),
  allNodesMs: Number(all.ms.toFixed(0)),
  weighingNs: Number(((all.ms / weighings) * 1e6).toFixed(0)),
  oneChoiceMs: Number(choice.ms.toFixed(3)),
  withoutPlace: all.lost,
};
console.log(report);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
