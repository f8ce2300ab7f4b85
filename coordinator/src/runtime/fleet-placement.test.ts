import fc from "fast-check";
import { expect, test } from "vitest";
import { nodeMachine } from "../domain/node/node-machine.ts";
import { bestNode, type PlacementRequest } from "../domain/placement/choose-node.ts";
import type { NodeDemands } from "../domain/placement/node-demands.ts";
import { FleetOverlay } from "./fleet-overlay.ts";
import { FleetState } from "./fleet-state.ts";
import type { FleetView, NodeRecord } from "./fleet-view.ts";
import { candidate } from "./place-container.ts";
import { FleetWorld } from "./world/fleet-world.ts";

const NODES = 5;
const CLUSTERS = ["east", "west"] as const;

/** Nodes as agents have said hello, and their clusters. */
async function nodes(): Promise<FleetState> {
  const world = new FleetWorld();
  for (const id of CLUSTERS) world.addCluster(id, { autoMigrate: true, allowOtherClusters: true });
  for (let number = 0; number < NODES; number++) await world.addNode(CLUSTERS[number % 2] ?? "east", 4_000);
  for (const node of [...world.state.nodes()]) {
    const { context } = node.snapshot;
    world.state.applyNode({ ...node, snapshot: nodeMachine.resolveState({ value: "healthy", context }) });
  }
  return world.state;
}

const request = (ownClusterId: string, cpuMillis: number): PlacementRequest => ({
  ...{ containerName: "web", ha: true, runtimes: ["exec"], preferredClusterId: null, ownClusterId },
  ...{ allowOtherClusters: true, requestedNodeId: null, pinnedNodeId: null, excludedNodeIds: [] },
  resources: { cpuMillis, memoryBytes: 1, diskBytes: 0 },
  ports: [{ name: "http", containerPort: 80, protocol: "tcp", fixedHostPort: null }],
});

const asWeighed = (fleet: FleetView, wish: PlacementRequest) =>
  bestNode(
    wish,
    [...fleet.nodes()].map((node) => candidate(fleet, node, "", [])),
  );

const IN_ZONE: NodeDemands = {
  constraints: [{ key: "zone", operator: "in", values: ["a"] }],
  architectures: ["amd64"],
};
const REQUESTS = CLUSTERS.flatMap((own) => [
  ...[100, 1_500, 3_900].map((cpuMillis) => request(own, cpuMillis)),
  { ...request(own, 100), demands: IN_ZONE },
]);

function compare(fleet: FleetView): number {
  let found = 0;
  for (const wish of REQUESTS) {
    const [fast, plain] = [fleet.trial().best(wish), asWeighed(fleet, wish)];
    expect(fast && [fast.node.id, fast.ports, fast.score]).toEqual(plain && [plain.node.id, plain.ports, plain.score]);
    if (plain) found += 1;
  }
  return found;
}

const change = fc.oneof(
  fc.record({ kind: fc.constant("hold" as const), node: fc.nat(NODES - 1), container: fc.nat(8), cpu: fc.nat(2_500) }),
  fc.record({ kind: fc.constant("release" as const), node: fc.nat(NODES - 1), container: fc.nat(8) }),
  fc.record({
    kind: fc.constant("facts" as const),
    node: fc.nat(NODES - 1),
    facts: fc.record(
      {
        schedulable: fc.boolean(),
        labels: fc.constantFrom({}, { zone: "a" }),
        architecture: fc.constantFrom("amd64", "arm64"),
        guarded: fc.boolean(),
        runtimeReady: fc.boolean(),
        clockSound: fc.boolean(),
        priority: fc.constantFrom(9, 10, 11),
        clusterId: fc.constantFrom(...CLUSTERS),
        portPoolMax: fc.constantFrom(20_000, 20_005),
        revokedAtMs: fc.constantFrom(null, null, 1),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ kind: fc.constant("remove" as const), node: fc.nat(NODES - 1) }),
  fc.record({ kind: fc.constant("back" as const), node: fc.nat(NODES - 1) }),
  fc.record({ kind: fc.constant("packs" as const), cluster: fc.constantFrom(...CLUSTERS), packs: fc.boolean() }),
);

test("whatever is decided, placement finds the node that the fleet as it then is has to offer, committed or not yet", async () => {
  const first = await nodes();
  const all = [...first.nodes()];
  const clusters = [...first.clusters()];
  let found = 0;
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), (decisions) => {
      const state = new FleetState();
      for (const cluster of clusters) state.applyCluster(cluster);
      for (const node of all) state.applyNode(node);
      found += compare(state);
      for (const decision of decisions) {
        const outer = new FleetOverlay(state);
        const inner = new FleetOverlay(outer);
        for (const one of decision) decide(inner, one, all);
        found += compare(inner);
        outer.merge(inner);
        compare(outer);
        compare(state);
        outer.applyTo(state, []);
        compare(state);
      }
    }),
    { numRuns: 60 },
  );
  expect(found).toBeGreaterThan(500);
});

function decide(
  work: FleetOverlay,
  one: typeof change extends fc.Arbitrary<infer T> ? T : never,
  all: NodeRecord[],
): void {
  if (one.kind === "packs") {
    const cluster = work.cluster(one.cluster);
    if (cluster) work.setCluster({ ...cluster, placement: one.packs ? "binpack" : "spread" });
    return;
  }
  const original = all[one.node] as NodeRecord;
  const { id } = original.facts;
  const node = work.node(id);
  switch (one.kind) {
    case "hold": {
      const ports = [
        { name: "http", containerPort: 80, hostPort: 20_000 + (one.container % 6), protocol: "tcp" as const },
      ];
      const resources = { cpuMillis: one.cpu, memoryBytes: one.cpu, diskBytes: 0 };
      if (node) work.hold(`container-${one.container}`, id, { resources, ports });
      return;
    }
    case "release":
      if (node) work.hold(`container-${one.container}`, id, null);
      return;
    case "facts":
      if (node) work.setNode({ ...node, facts: { ...node.facts, ...one.facts } as NodeRecord["facts"] });
      return;
    case "remove":
      work.removeNode(id);
      return;
    case "back":
      if (!node) work.setNode(original);
      return;
    default:
      one satisfies never;
  }
}
