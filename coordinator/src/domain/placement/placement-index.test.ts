import fc from "fast-check";
import { expect, test } from "vitest";
import { bestNode, type CandidateNode, type PlacementRequest, portKey } from "./choose-node.ts";
import { type DemandTexts, NO_DEMANDS, type NodeDemands, readDemands } from "./node-demands.ts";
import { PlacementIndex } from "./placement-index.ts";
import { ROW_NODES_MAX } from "./placement-shelf.ts";
import { PlacementTrial } from "./placement-trial.ts";

const CLUSTERS = ["east", "west", "north"] as const;
const protocol = fc.constantFrom("tcp" as const, "udp" as const);
const amounts = (most: number) =>
  fc.record({ cpuMillis: fc.nat(most), memoryBytes: fc.nat(most), diskBytes: fc.nat(most) });
const mostly = fc.nat(19).map((chance) => chance > 0);

const DEMANDS = [
  undefined,
  undefined,
  demandsOf({ constraints: ["zone=a"] }),
  demandsOf({ constraints: ["zone!=b"], architectures: ["amd64"] }),
  demandsOf({ constraints: ["disk exists"] }),
];

function demandsOf(texts: DemandTexts): NodeDemands {
  const read = readDemands(texts);
  if (!read.ok) throw new Error(read.reason);
  return { ...NO_DEMANDS, ...read.demands };
}

const candidateNode: fc.Arbitrary<CandidateNode> = fc
  .record({
    number: fc.nat(1_000_000),
    clusterId: fc.constantFrom(...CLUSTERS),
    healthy: mostly,
    schedulable: mostly,
    revoked: mostly.map((sound) => !sound),
    guarded: mostly,
    clockSound: mostly,
    runtimeReady: mostly,
    runtime: fc.constantFrom("docker", "docker", "exec"),
    // Few sizes, and few fillings, so that many are alike; odd ones among them, and some without a resource.
    capacity: fc.oneof(fc.constant({ cpuMillis: 8_000, memoryBytes: 8_000, diskBytes: 8_000 }), amounts(9_000)),
    allocated: fc.oneof(fc.constant({ cpuMillis: 3_000, memoryBytes: 3_000, diskBytes: 0 }), amounts(9_000)),
    poolSize: fc.nat(2),
    taken: fc.array(fc.record({ protocol, hostPort: fc.integer({ min: 20_000, max: 20_003 }) }), { maxLength: 3 }),
    holdsRoom: mostly.map((sound) => !sound),
    priority: fc.constantFrom(10, 10, 10, 9, 11),
    strategy: fc.constantFrom("spread" as const, "binpack" as const),
    labels: fc.constantFrom({}, { zone: "a" }, { zone: "b", disk: "ssd" }),
    architecture: fc.constantFrom("amd64", "amd64", "arm64", ""),
    flapPenalty: fc.constantFrom(null, null, null, { points: 126.5, reason: "came and went" }),
  })
  .map(({ number, poolSize, taken, ...node }) => ({
    ...node,
    id: `id-${number}`,
    name: `node-${number}`,
    clusterName: node.clusterId,
    portPool: poolSize === 0 ? { min: 0, max: 0 } : { min: 20_000, max: 19_999 + poolSize },
    takenPorts: new Set(taken.map((port) => portKey(port.protocol, port.hostPort))),
  }));

const fleet = (most: number): fc.Arbitrary<CandidateNode[]> =>
  fc.uniqueArray(candidateNode, { minLength: most / 4, maxLength: most, selector: ({ id }) => id, size: "max" });

const wish: fc.Arbitrary<PlacementRequest> = fc
  .record({
    ha: fc.boolean(),
    resources: fc.oneof(
      { weight: 3, arbitrary: fc.constant({ cpuMillis: 500, memoryBytes: 500, diskBytes: 0 }) },
      { weight: 1, arbitrary: amounts(6_000) },
    ),
    ports: fc.array(
      fc.record({ protocol, fixed: fc.option(fc.integer({ min: 20_000, max: 20_003 }), { freq: 2, nil: null }) }),
      { maxLength: 2 },
    ),
    runtimes: fc.constantFrom(["docker"], ["exec", "docker"], ["exec"]),
    demands: fc.constantFrom(...DEMANDS),
    preferredClusterId: fc.option(fc.constantFrom(...CLUSTERS), { nil: null }),
    ownClusterId: fc.option(fc.constantFrom(...CLUSTERS), { nil: null }),
    allowOtherClusters: fc.boolean(),
    // Of the fleet's nodes, by place; most wishes name none.
    named: fc.nat(9).chain((chance) => (chance > 0 ? fc.constant(null) : fc.nat())),
    pinned: fc.nat(9).chain((chance) => (chance > 0 ? fc.constant(null) : fc.nat())),
    excluded: fc.array(fc.nat(), { maxLength: 2 }),
    busy: fc.array(fc.nat(), { maxLength: 2 }),
  })
  .map(({ ports, named, pinned, excluded, busy, ...request }) => ({
    ...request,
    containerName: "web",
    ports: ports.map((port, index) => ({
      name: `p${index}`,
      containerPort: 80,
      protocol: port.protocol,
      fixedHostPort: port.fixed,
    })),
    // Places stand for ids until the fleet is known.
    requestedNodeId: named === null ? null : String(named),
    pinnedNodeId: pinned === null ? null : String(pinned),
    excludedNodeIds: excluded.map(String),
    busyNodeIds: busy.map(String),
  }));

/** The wish with the fleet's own ids. */
function asked(request: PlacementRequest, nodes: readonly CandidateNode[]): PlacementRequest {
  const id = (place: string): string => nodes[Number(place) % Math.max(1, nodes.length)]?.id ?? "none";
  return {
    ...request,
    requestedNodeId: request.requestedNodeId && id(request.requestedNodeId),
    pinnedNodeId: request.pinnedNodeId && id(request.pinnedNodeId),
    excludedNodeIds: request.excludedNodeIds.map(id),
    busyNodeIds: (request.busyNodeIds ?? []).map(id),
  };
}

const answer = (best: ReturnType<typeof bestNode>) =>
  best && { id: best.node.id, ports: best.ports, score: best.score };

test("of any fleet, after any changes, the index finds the node that weighing each of them finds", () => {
  let found = 0;
  fc.assert(
    fc.property(
      fleet(60),
      fc.array(candidateNode, { maxLength: 20 }),
      fc.array(wish, { minLength: 1, maxLength: 8 }),
      (nodes, changes, wishes) => {
        const index = new PlacementIndex(nodes);
        const known = new Map(nodes.map((node) => [node.id, node]));
        const compare = (): void => {
          const all = [...known.values()];
          for (const one of wishes) {
            const request = asked(one, all);
            const plain = bestNode(request, all);
            expect(answer(index.best(request))).toEqual(answer(plain));
            if (plain) found += 1;
          }
        };
        compare();
        for (const [turn, change] of changes.entries()) {
          // In turn: a new node, another state of a known one, and a known one that goes.
          const some = [...known.keys()][turn];
          if (turn % 3 === 2 && some !== undefined) {
            known.delete(some);
            index.delete(some);
          } else {
            const node =
              turn % 3 === 1 && some !== undefined ? { ...change, id: some, name: some.replace("id", "node") } : change;
            known.set(node.id, node);
            index.set(node);
          }
        }
        compare();
        expect([...index.nodes()].map(({ id }) => id).sort()).toEqual([...known.keys()].sort());
      },
    ),
    { numRuns: 400 },
  );
  expect(found).toBeGreaterThan(500);
});

test("a fleet of several rows, alike and not, is searched as if each node were weighed", () => {
  let found = 0;
  const many = fc.array(candidateNode, { minLength: 40, maxLength: 40, size: "max" }).map((kinds) =>
    Array.from({ length: 5 * ROW_NODES_MAX }, (_, number): CandidateNode => {
      const kind = kinds[number % kinds.length] as CandidateNode;
      // Of one size and one kind, every other one filled a little differently.
      const cpuMillis = number % 2 === 0 ? 3_000 : (number * 37) % 8_000;
      const alike = {
        clusterId: "east",
        runtime: "docker",
        priority: 10,
        strategy: kinds[0]?.strategy ?? "spread",
      } as const;
      const room = {
        capacity: { cpuMillis: 8_000, memoryBytes: 8_000, diskBytes: 8_000 },
        flapPenalty: null,
        holdsRoom: false,
      };
      return {
        ...kind,
        ...alike,
        ...room,
        id: `id-${number}`,
        name: `node-${number}`,
        allocated: { ...kind.allocated, cpuMillis },
      };
    }),
  );
  fc.assert(
    fc.property(many, fc.array(wish, { minLength: 3, maxLength: 3 }), (nodes, wishes) => {
      const index = new PlacementIndex([]);
      for (const node of nodes) index.set(node);
      const built = new PlacementIndex(nodes);
      for (const one of wishes) {
        const request = { ...asked(one, nodes), ownClusterId: "east", requestedNodeId: null, pinnedNodeId: null };
        const plain = answer(bestNode(request, nodes));
        expect(answer(index.best(request))).toEqual(plain);
        expect(answer(built.best(request))).toEqual(plain);
        if (plain) found += 1;
      }
    }),
    { numRuns: 60 },
  );
  expect(found).toBeGreaterThan(30);
});

test("a trial finds what its own nodes would have, and leaves its index and what it was forked from as they were", () => {
  fc.assert(
    fc.property(
      fleet(40),
      fc.array(candidateNode, { maxLength: 10 }),
      fc.array(wish, { minLength: 1, maxLength: 5 }),
      (nodes, changes, wishes) => {
        const index = new PlacementIndex(nodes);
        const first = new PlacementTrial(index);
        const trial = first.fork();
        const known = new Map(nodes.map((node) => [node.id, node]));
        for (const [turn, change] of changes.entries()) {
          const some = nodes[turn];
          if (turn % 2 === 1 && some) {
            known.delete(some.id);
            trial.delete(some.id);
          } else {
            known.set(change.id, change);
            trial.set(change);
          }
        }
        const all = [...known.values()];
        const byName = [...all].sort((a, b) => (a.name < b.name ? -1 : 1));
        expect(trial.firstByName(6).map(({ name }) => name)).toEqual(byName.slice(0, 6).map(({ name }) => name));
        for (const one of wishes) {
          const request = asked(one, all);
          expect(answer(trial.best(request))).toEqual(answer(bestNode(request, all)));
          expect(answer(first.best(request))).toEqual(answer(bestNode(request, nodes)));
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("of ten thousand nodes that are alike, a search looks into one row", () => {
  const [kind] = fc.sample(candidateNode, { numRuns: 1, seed: 1 });
  const alike: CandidateNode = {
    ...(kind as CandidateNode),
    ...{ healthy: true, schedulable: true, revoked: false, guarded: true, clockSound: true, runtimeReady: true },
    ...{ clusterId: "east", runtime: "docker", holdsRoom: false, strategy: "spread", takenPorts: new Set<string>() },
    capacity: { cpuMillis: 8_000, memoryBytes: 8_000, diskBytes: 8_000 },
    allocated: { cpuMillis: 3_000, memoryBytes: 3_000, diskBytes: 0 },
  };
  const nodes = Array.from({ length: 10_000 }, (_, number) => ({
    ...alike,
    id: `id-${number}`,
    name: `node-${number}`,
  }));
  const index = new PlacementIndex(nodes);
  const request: PlacementRequest = {
    ...{
      containerName: "web",
      ha: true,
      ports: [],
      runtimes: ["docker"],
      preferredClusterId: null,
      ownClusterId: "east",
    },
    resources: { cpuMillis: 100, memoryBytes: 100, diskBytes: 0 },
    ...{ allowOtherClusters: true, requestedNodeId: null, pinnedNodeId: null, excludedNodeIds: [] },
  };
  expect(index.best(request)?.node.name).toBe("node-0");
  expect(index.cost.weighings).toBeLessThan(10_000 / (ROW_NODES_MAX / 2) + ROW_NODES_MAX + 10);
});
