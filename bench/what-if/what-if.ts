import { bestNode, type CandidateNode } from "@lormas/coordinator/domain/placement/choose-node.ts";
import { PlacementIndex } from "@lormas/coordinator/domain/placement/placement-index.ts";
import { PlacementTrial } from "@lormas/coordinator/domain/placement/placement-trial.ts";
import {
  type FailoverDemand,
  meansTheSame,
  type NodeDeath,
  nodeDeath,
  withoutPlace,
} from "@lormas/coordinator/domain/placement/what-if.ts";
import { plus } from "@lormas/coordinator/domain/resources.ts";
import { SLICE_WEIGHINGS_MAX, slice } from "@lormas/coordinator/runtime/what-if-board.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { type Findings, plain, type Row, type Section } from "../frame/section.ts";

const GIB = 2 ** 30;
const PORT = { name: "http", containerPort: 80, protocol: "tcp", fixedHostPort: null } as const;

/** A fleet to foretell, and what is said of it. */
type Fleet = {
  readonly name: string;
  readonly nodes: readonly CandidateNode[];
  readonly demandsOf: readonly (readonly FailoverDemand[])[];
};

export const whatIf: Section = {
  name: "what-if",
  measures:
    'what "what if a node dies?" costs for every node (--nodes, --containers), and what one choice of a node costs: on nodes in ' +
    "memory, without a database, CPU time; of a fleet whose nodes and containers are alike, and of one in which hardly two are",
  run: async (bench) => whatIfRun(bench),
};

function whatIfRun(bench: BenchRun): Findings {
  const { nodes, containers } = bench.sizes;
  const each = Math.max(1, Math.round(containers / nodes));
  const fleets = [alike(nodes, each), mixed(nodes, each)];
  return { rows: fleets.flatMap((fleet) => rowsOf(fleet)), plots: [] };
}

function rowsOf({ name, nodes, demandsOf }: Fleet): Row[] {
  // Warm, on another index: what is measured is not measured for the first time.
  everyDeath(new PlacementIndex(nodes), nodes.slice(0, 100), demandsOf);
  const [index, builtMs] = timed(() => new PlacementIndex(nodes));
  const before = index.cost.weighings;
  const all = everyDeath(index, nodes, demandsOf);
  const weighings = index.cost.weighings - before;
  const middle = nodes[nodes.length >>> 1] as CandidateNode;
  const fuller = { ...middle, allocated: plus(middle.allocated, { cpuMillis: 10, memoryBytes: GIB, diskBytes: 0 }) };
  const changed = new Map([[middle.id, fuller]]);
  const [touched, askedMs] = timed(() => all.deaths.filter((death) => !meansTheSame(death.choices, changed)).length);
  const [[first] = []] = demandsOf;
  if (!first)
    throw new Error("a fleet without a container has nothing to foretell: --containers as many as --nodes or more");
  const request = { ...first.request, excludedNodeIds: [] };
  const [, searchedMs] = timed(() => repeated(1_000, () => index.best(request)));
  const [, weighedMs] = timed(() => repeated(10, () => bestNode(request, nodes)));
  return [
    plain(`${name}: index of all nodes`, builtMs, "ms"),
    plain(`${name}: every node, one after another`, all.tookMs, "ms"),
    plain(`${name}: longest slice of that`, all.longestMs, "ms"),
    plain(`${name}: containers without a place, of all these deaths`, all.lost, ""),
    plain(`${name}: asking which deaths a container more on one node touches`, askedMs, "ms"),
    plain(`${name}: deaths that it touches`, touched, ""),
    plain(`${name}: one weighing`, (all.tookMs / weighings) * 1e6, "ns"),
    plain(`${name}: one choice among all nodes`, searchedMs, "µs"),
    plain(`${name}: one choice by weighing each of them`, (weighedMs / 10) * 1_000, "µs"),
  ];
}

/** As the coordinator foretells it: in slices of so many weighings, here without the pauses between. */
function everyDeath(
  index: PlacementIndex,
  nodes: readonly CandidateNode[],
  demandsOf: Fleet["demandsOf"],
): {
  readonly deaths: readonly NodeDeath[];
  readonly lost: number;
  readonly tookMs: number;
  readonly longestMs: number;
} {
  let lost = 0;
  const ended: NodeDeath[] = [];
  function* deaths(): Generator<number, void, void> {
    for (const [number, { id }] of nodes.entries()) {
      const left = new PlacementTrial(index);
      left.delete(id);
      const death = nodeDeath(demandsOf[number] ?? [], left, false);
      let weighed = left.weighings;
      for (let step = death.next(); ; step = death.next()) {
        yield left.weighings - weighed;
        weighed = left.weighings;
        if (!step.done) continue;
        ended.push(step.value);
        lost += withoutPlace(step.value.containers).length;
        break;
      }
    }
  }
  const work = deaths();
  let [tookMs, longestMs] = [0, 0];
  for (let done = false; !done; ) {
    const [last, ms] = timed(() => slice(work, SLICE_WEIGHINGS_MAX));
    done = last;
    tookMs += ms;
    longestMs = Math.max(longestMs, ms);
  }
  return { deaths: ended, lost, tookMs, longestMs };
}

/** Nodes of one size that hold the same, and containers of one kind. */
function alike(count: number, each: number): Fleet {
  const capacity = { cpuMillis: 16_000, memoryBytes: 64 * GIB, diskBytes: 1_024 * GIB };
  const wanted = { cpuMillis: 500, memoryBytes: 2 * GIB, diskBytes: 10 * GIB };
  const allocated = { cpuMillis: each * 500, memoryBytes: each * 2 * GIB, diskBytes: each * 10 * GIB };
  return {
    name: "alike",
    nodes: Array.from({ length: count }, (_, number) => candidate(number, each, { capacity, allocated })),
    demandsOf: Array.from({ length: count }, (_, number) =>
      Array.from({ length: each }, (_, place) => demand(number, place, "cluster-0", wanted, false)),
    ),
  };
}

/** Ten clusters, five sizes of nodes, no two filled alike, containers of hundreds of sizes; none is far from full. */
function mixed(count: number, each: number): Fleet {
  const next = randomBelow(4_711);
  const clusters = Array.from({ length: count }, () => `cluster-${next(10)}`);
  const nodes = clusters.map((clusterId, number) => {
    const size = 1 + next(5);
    const capacity = { cpuMillis: size * 8_000, memoryBytes: size * 32 * GIB, diskBytes: size * 512 * GIB };
    const filled = (most: number): number => Math.floor((most * (600 + next(390))) / 1_000);
    const allocated = {
      cpuMillis: filled(capacity.cpuMillis),
      memoryBytes: filled(capacity.memoryBytes),
      diskBytes: filled(capacity.diskBytes),
    };
    return candidate(number, each, { clusterId, clusterName: clusterId, capacity, allocated, priority: 9 + next(3) });
  });
  const demandsOf = clusters.map((clusterId, number) =>
    Array.from({ length: each }, (_, place) => {
      const wanted = {
        cpuMillis: 10 * (1 + next(200)),
        memoryBytes: 2 ** 24 * (1 + next(500)),
        diskBytes: GIB * next(50),
      };
      return demand(number, place, clusterId, wanted, next(2) === 0);
    }),
  );
  return { name: "mixed", nodes, demandsOf };
}

function candidate(
  number: number,
  each: number,
  change: Pick<CandidateNode, "capacity" | "allocated"> & Partial<CandidateNode>,
): CandidateNode {
  return {
    ...{ id: `id-${number}`, name: `node-${number}`, clusterId: "cluster-0", clusterName: "cluster-0" },
    ...{ healthy: true, schedulable: true, revoked: false, guarded: true, clockSound: true, runtimeReady: true },
    ...{ priority: 10, strategy: "spread", runtime: "docker", holdsRoom: false },
    ...{ labels: {}, architecture: "amd64" },
    portPool: { min: 20_000, max: 29_999 },
    takenPorts: new Set(Array.from({ length: each }, (_, port) => `tcp/${20_000 + port}`)),
    ...change,
  };
}

function demand(
  node: number,
  place: number,
  ownClusterId: string,
  resources: FailoverDemand["request"]["resources"],
  allowOtherClusters: boolean,
): FailoverDemand {
  const containerName = `web-${node}-${place}`;
  return {
    ...{ containerId: containerName, containerName, held: null, onItsWayTo: null, startBudgetMs: 1_000 },
    request: {
      ...{ containerName, ha: true, resources, ports: [PORT], runtimes: ["docker"], preferredClusterId: null },
      ...{ ownClusterId, allowOtherClusters, requestedNodeId: null, pinnedNodeId: null },
      excludedNodeIds: [`id-${node}`],
    },
  };
}

/** Numbers below a bound, the same in every run: a linear congruence, good enough to make nodes differ. */
function randomBelow(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

function repeated(times: number, work: () => unknown): void {
  for (let turn = 0; turn < times; turn++) work();
}

/** With the CPU time that it took this thread, ms: that does not depend on who else uses the cores. */
function timed<T>(work: () => T): [T, number] {
  const begun = process.threadCpuUsage();
  const result = work();
  const { user, system } = process.threadCpuUsage(begun);
  return [result, (user + system) / 1_000];
}
