import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FLAP_POINTS_MAX } from "../node/flap-quarantine.ts";
import { NODE_PRIORITY_DEFAULT, NODE_PRIORITY_MAX } from "../node/node-priority.ts";
import type { PortDemand } from "../workload.ts";
import { bestNode, type CandidateNode, chooseNode, type PlacementRequest, portKey } from "./choose-node.ts";
import type { NodeDemands } from "./node-demands.ts";
import type { PlacementFilter } from "./placement-decision.ts";

const node = (name: string, change: Partial<CandidateNode> = {}): CandidateNode => ({
  id: `id-${name}`,
  name,
  clusterId: "east",
  clusterName: "East",
  healthy: true,
  schedulable: true,
  revoked: false,
  guarded: true,
  clockSound: true,
  runtimeReady: true,
  priority: 10,
  strategy: "spread",
  runtime: "docker",
  labels: { zone: "a" },
  architecture: "amd64",
  capacity: { cpuMillis: 4_000, memoryBytes: 4_000, diskBytes: 4_000 },
  allocated: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 },
  portPool: { min: 20_000, max: 20_009 },
  takenPorts: new Set(),
  holdsRoom: false,
  ...change,
});

const request = (change: Partial<PlacementRequest> = {}): PlacementRequest => ({
  containerName: "web",
  ha: true,
  resources: { cpuMillis: 1_000, memoryBytes: 1_000, diskBytes: 1_000 },
  ports: [],
  runtimes: ["docker"],
  preferredClusterId: null,
  ownClusterId: "east",
  allowOtherClusters: true,
  requestedNodeId: null,
  pinnedNodeId: null,
  excludedNodeIds: [],
  busyNodeIds: [],
  ...change,
});

const port = (name: string, fixedHostPort: number | null, protocol: "tcp" | "udp" = "tcp"): PortDemand => ({
  name,
  containerPort: 80,
  protocol,
  fixedHostPort,
});
const full = { cpuMillis: 3_500, memoryBytes: 3_500, diskBytes: 3_500 };

const DEMANDS: NodeDemands = {
  constraints: [{ key: "zone", operator: "in", values: ["a"] }],
  architectures: ["amd64"],
};

/** What makes a node unfit, in the order in which it is looked for, with what the reason must say. */
const OBSTACLES: [PlacementFilter, Partial<CandidateNode>, Partial<PlacementRequest>, RegExp][] = [
  ["data_elsewhere", {}, { pinnedNodeId: "id-other" }, /data is on another node/],
  ["excluded", {}, { excludedNodeIds: ["id-a"] }, /runs there already, or a try on it has failed/],
  ["not_requested", {}, { requestedNodeId: "id-other" }, /another node was asked for/],
  ["unhealthy", { healthy: false }, {}, /heartbeats are missing/],
  ["revoked", { revoked: true }, {}, /its certificate was revoked/],
  ["cordoned", { schedulable: false }, {}, /takes no new containers/],
  [
    "other_cluster",
    { clusterId: "west", clusterName: "West" },
    { allowOtherClusters: false },
    /keeps containers out of West/,
  ],
  ["runtime", { runtime: "exec" }, {}, /it runs exec, the egg needs docker/],
  ["runtime", { runtime: "exec" }, { terminal: true }, /it runs exec, its terminal \(tty\) needs docker/],
  ["runtime", { runtimeReady: false }, {}, /does not answer/],
  ["architecture", { architecture: "arm64" }, { demands: DEMANDS }, /amd64 is demanded, the node is arm64/],
  ["constraint", { labels: {} }, { demands: DEMANDS }, /zone=a is demanded, the node has no zone/],
  ["unguarded", { guarded: false }, {}, /no guard/],
  ["cpu", { allocated: { ...full, memoryBytes: 0, diskBytes: 0 } }, {}, /needs 1 core, 0.5 of 4 are free/],
  ["memory", { allocated: { ...full, cpuMillis: 0, diskBytes: 0 } }, {}, /needs .* MiB of memory, .* are free/],
  ["disk", { allocated: { ...full, cpuMillis: 0, memoryBytes: 0 } }, {}, /needs .* MiB of disk, .* are free/],
  ["port", { takenPorts: new Set(["tcp/443"]) }, { ports: [port("https", 443)] }, /host port tcp\/443 is taken/],
];

describe("placement", () => {
  test.each(OBSTACLES)("drops a node for %s and says why", (filter, nodeChange, requestChange, reason) => {
    const { decision } = chooseNode(request(requestChange), [node("a", nodeChange)]);
    expect(decision.chosenNodeId).toBeNull();
    expect(decision.candidates).toMatchObject([{ droppedBy: filter, score: 0, reason: expect.stringMatching(reason) }]);
  });

  test("names the first obstacle in their order, whatever comes after it", () => {
    for (let first = 0; first < OBSTACLES.length; first++) {
      // Every obstacle from this one on, but for the three resources, which are set together.
      const rest = OBSTACLES.slice(first);
      const some = rest.filter(([filter]) => ["cpu", "memory", "disk"].includes(filter)).map(([filter]) => filter);
      const allocated = {
        cpuMillis: some.includes("cpu") ? 3_500 : 0,
        memoryBytes: some.includes("memory") ? 3_500 : 0,
        diskBytes: some.includes("disk") ? 3_500 : 0,
      };
      const nodeChange = Object.assign({}, ...rest.map(([, change]) => change), { allocated });
      const requestChange = Object.assign({}, ...rest.map(([, , change]) => change));
      const { decision } = chooseNode(request(requestChange), [node("a", nodeChange)]);
      expect(decision.candidates[0]?.droppedBy).toBe(rest[0]?.[0]);
    }
  });

  test("prefers the preferred cluster, then its own, then others, however full they are", () => {
    const crowded = { cpuMillis: 3_000, memoryBytes: 3_000, diskBytes: 3_000 };
    const own = node("own", { clusterId: "east", allocated: crowded });
    const preferred = node("preferred", { clusterId: "north", allocated: crowded });
    const other = node("other", { clusterId: "west" });
    const wish = request({ preferredClusterId: "north" });
    const chosen = (...nodes: CandidateNode[]) => chooseNode(wish, nodes).decision.chosenNodeId;
    expect(chosen(other, own, preferred)).toBe("id-preferred");
    expect(chosen(other, own)).toBe("id-own");
    expect(chosen(other)).toBe("id-other");
  });

  test("within a cluster keeps the largest share of the scarcest resource free, then goes by name", () => {
    const busy = node("a", { allocated: { cpuMillis: 0, memoryBytes: 2_000, diskBytes: 0 } });
    expect(chooseNode(request(), [busy, node("b"), node("c")]).decision).toMatchObject({
      chosenNodeId: "id-b",
      summary: "best of 3 nodes; 75 % of its scarcest resource stays free",
    });
  });

  test("a node that was asked for is taken although the policy keeps out its cluster, but not although it is full", () => {
    const west = node("w", { clusterId: "west" });
    const wish = request({ requestedNodeId: "id-w", allowOtherClusters: false });
    expect(chooseNode(wish, [node("a"), west]).decision.chosenNodeId).toBe("id-w");
    expect(chooseNode(wish, [node("a"), { ...west, allocated: full }]).decision.chosenNodeId).toBeNull();
  });

  test("a container with data goes to the node that has it, or nowhere", () => {
    const wish = request({ pinnedNodeId: "id-b" });
    expect(
      chooseNode(wish, [
        node("a"),
        node("b", { allocated: { ...full, cpuMillis: 3_000, memoryBytes: 3_000, diskBytes: 3_000 } }),
      ]).decision.chosenNodeId,
    ).toBe("id-b");
    expect(chooseNode(wish, [node("a"), node("b", { healthy: false })]).decision.chosenNodeId).toBeNull();
  });

  test("counts nothing twice where the container holds room already", () => {
    const exact = { cpuMillis: 4_000, memoryBytes: 4_000, diskBytes: 4_000 };
    const holding = node("a", { allocated: exact, holdsRoom: true });
    expect(chooseNode(request(), [holding]).decision.chosenNodeId).toBe("id-a");
    expect(chooseNode(request(), [{ ...holding, holdsRoom: false }]).decision.chosenNodeId).toBeNull();
    expect(chooseNode(request(), [holding]).decision.candidates[0]?.scoreTerms).toMatchObject({ spread: 0 });
  });

  test("gives pool ports that collide with nothing, fixed ones first", () => {
    const taken = new Set(["tcp/20000", "udp/20001"]);
    const ports = [port("a", null), port("b", 20_001), port("c", null), port("d", null, "udp")];
    const placed = chooseNode(request({ ports }), [node("a", { takenPorts: taken })]);
    expect(placed.ports.map(({ name, hostPort }) => `${name} ${hostPort}`)).toEqual([
      "a 20002",
      "b 20001",
      "c 20003",
      "d 20000",
    ]);
    expect(placed.poolPorts).toEqual(["tcp/20002", "tcp/20003", "udp/20000"]);
  });

  test("a port from the pool stays what it was where it can, and the decision says why another one does not", () => {
    const former = [
      { name: "a", containerPort: 80, hostPort: 20_005, protocol: "tcp" as const },
      { name: "b", containerPort: 80, hostPort: 20_000, protocol: "tcp" as const },
      { name: "c", containerPort: 80, hostPort: 30_000, protocol: "tcp" as const },
    ];
    // The new one comes first, and takes none of theirs.
    const ports = [port("new", null), port("a", null), port("b", null), port("c", null)];
    const placed = chooseNode(request({ ports, formerPorts: former }), [
      node("a", { takenPorts: new Set(["tcp/20005"]) }),
    ]);
    expect(placed.ports.map(({ name, hostPort }) => `${name} ${hostPort}`)).toEqual([
      ...["new 20001", "a 20002", "b 20000", "c 20003"],
    ]);
    expect(placed.decision.summary).toMatch(
      /; port a becomes tcp\/20002, since tcp\/20005 is taken there; port c becomes tcp\/20003, since tcp\/30000 is not in its port pool 20000-20009$/,
    );
    const kept = chooseNode(request({ ports: [port("a", null)], formerPorts: former }), [node("a")]);
    expect([kept.ports[0]?.hostPort, kept.poolPorts]).toEqual([20_005, ["tcp/20005"]]);
    expect(kept.decision.summary).not.toContain("becomes");
    // A wish for a port of its own goes before what was.
    const fixed = chooseNode(request({ ports: [port("a", null), port("z", 20_005)], formerPorts: former }), [
      node("a"),
    ]);
    expect(fixed.ports.map(({ hostPort }) => hostPort)).toEqual([20_000, 20_005]);
  });

  test("says when the pool is used up, and when there are no nodes", () => {
    const ports = [port("a", null), port("b", null)];
    const small = node("a", { portPool: { min: 20_000, max: 20_000 } });
    expect(chooseNode(request({ ports }), [small]).decision.summary).toMatch(/its port pool 20000-20000 is used up/);
    expect(chooseNode(request(), []).decision).toMatchObject({ chosenNodeId: null, summary: "there are no nodes" });
  });

  const amount = (most: number) =>
    fc.record({ cpuMillis: fc.nat(most), memoryBytes: fc.nat(most), diskBytes: fc.nat(most) });
  const mostly = fc.constantFrom(true, true, true, true, false);
  const protocol = fc.constantFrom("tcp" as const, "udp" as const);
  const fleet = fc.array(
    fc.record({
      cluster: fc.constantFrom("east", "west", "north"),
      healthy: mostly,
      schedulable: mostly,
      guarded: mostly,
      holdsRoom: fc.boolean(),
      priority: fc.constantFrom(10, 10, 0, 9, 11, 20),
      strategy: fc.constantFrom("spread" as const, "binpack" as const),
      flapPenalty: fc.constantFrom(null, null, null, { points: 400, reason: "came and went" }),
      runtime: fc.constantFrom("docker", "docker", "docker", "exec", ""),
      labels: fc.dictionary(fc.constantFrom("zone", "disk"), fc.constantFrom("a", "b"), { maxKeys: 2 }),
      architecture: fc.constantFrom("amd64", "amd64", "arm64", ""),
      capacity: amount(12),
      allocated: amount(6),
      poolSize: fc.nat(3),
      taken: fc.array(fc.record({ protocol, hostPort: fc.integer({ min: 20_000, max: 20_004 }) }), { maxLength: 4 }),
    }),
    { maxLength: 6 },
  );
  const wish = fc.record({
    ha: fc.boolean(),
    resources: amount(4),
    ports: fc.array(
      fc.record({ protocol, fixed: fc.option(fc.integer({ min: 20_000, max: 20_004 }), { freq: 2, nil: null }) }),
      { maxLength: 3 },
    ),
    former: fc.array(fc.record({ protocol, hostPort: fc.integer({ min: 19_999, max: 20_004 }) }), { maxLength: 3 }),
    preferred: fc.option(fc.constantFrom("east", "west", "north"), { nil: null }),
    own: fc.option(fc.constantFrom("east", "west", "north"), { nil: null }),
    allowOther: fc.boolean(),
    excluded: fc.array(fc.constantFrom("id-n0", "id-n1", "id-n2"), { maxLength: 2 }),
    requested: fc.constantFrom(null, null, null, null, "id-n0", "id-n1"),
    pinned: fc.constantFrom(null, null, null, null, null, null, "id-n0", "id-n1"),
    zones: fc.option(fc.subarray(["a", "b"], { minLength: 1 }), { freq: 1, nil: null }),
    without: fc.constantFrom(null, null, "disk"),
    architectures: fc.constantFrom([], [], ["amd64"], ["arm64", "amd64"]),
  });

  test("chooses a node exactly when there is a fit one, and never one that lacks anything", () => {
    let chosenRuns = 0;
    fc.assert(
      fc.property(fleet, wish, fc.integer(), (all, wanted, seed) => {
        const nodes = all.map((one, index) =>
          node(`n${index}`, {
            ...one,
            clusterId: one.cluster,
            clusterName: one.cluster,
            portPool: one.poolSize === 0 ? { min: 0, max: 0 } : { min: 20_000, max: 19_999 + one.poolSize },
            takenPorts: new Set(one.taken.map((taken) => portKey(taken.protocol, taken.hostPort))),
          }),
        );
        const asked = request({
          ha: wanted.ha,
          resources: wanted.resources,
          ports: wanted.ports.map((one, index) => port(`p${index}`, one.fixed, one.protocol)),
          formerPorts: wanted.former.map(({ protocol, hostPort }, index) => ({
            ...{ name: `p${index}`, containerPort: 80, hostPort, protocol },
          })),
          preferredClusterId: wanted.preferred,
          ownClusterId: wanted.own,
          allowOtherClusters: wanted.allowOther,
          excludedNodeIds: wanted.excluded,
          requestedNodeId: wanted.requested,
          pinnedNodeId: wanted.pinned,
          demands: {
            constraints: [
              ...(wanted.zones ? [{ key: "zone", operator: "in" as const, values: wanted.zones }] : []),
              ...(wanted.without ? [{ key: wanted.without, operator: "not_exists" as const, values: [] }] : []),
            ],
            architectures: wanted.architectures,
          },
        });
        const placed = chooseNode(asked, nodes);
        const { chosenNodeId } = placed.decision;
        // Asked in a hurry, it is the same node and the same ports.
        const hurried = bestNode(asked, nodes);
        expect(hurried?.node.id ?? null).toBe(chosenNodeId);
        expect(hurried?.ports ?? []).toEqual(placed.ports);
        const fit = nodes.filter((one) => isFit(asked, one));
        expect(fit.map(({ id }) => id)).toEqual(
          placed.decision.candidates.filter(({ droppedBy }) => droppedBy === null).map(({ nodeId }) => nodeId),
        );
        expect(chosenNodeId !== null).toBe(fit.length > 0);
        // The order in which nodes come makes no difference.
        const shuffled = [...nodes].sort(
          (a, b) => ((a.name.charCodeAt(1) * seed) % 7) - ((b.name.charCodeAt(1) * seed) % 7),
        );
        expect(chooseNode(asked, shuffled)).toEqual(placed);
        const chosen = nodes.find(({ id }) => id === chosenNodeId);
        if (!chosen) {
          expect(placed.ports).toEqual([]);
          return;
        }
        chosenRuns += 1;
        const rank = (one: CandidateNode) =>
          one.clusterId === asked.preferredClusterId
            ? 2
            : asked.ownClusterId === null || one.clusterId === asked.ownClusterId
              ? 1
              : 0;
        expect(rank(chosen)).toBe(Math.max(...fit.map(rank)));
        // Of the nodes of the best cluster none that is steady and has a lower priority is passed over.
        const better = fit.filter((one) => rank(one) === rank(chosen) && !one.flapPenalty);
        expect(better.filter(({ priority }) => priority <= chosen.priority - 1)).toEqual([]);
        checkPorts(asked, chosen, placed.ports);
      }),
      { numRuns: 3_000 },
    );
    expect(chosenRuns).toBeGreaterThan(100);
  });
});

/** The rules of placement, said once more and in another way: by what must be there. */
function isFit(asked: PlacementRequest, one: CandidateNode): boolean {
  const needed = one.holdsRoom ? { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 } : asked.resources;
  const enough = (["cpuMillis", "memoryBytes", "diskBytes"] as const).every(
    (name) => asked.resources[name] === 0 || one.capacity[name] - one.allocated[name] >= needed[name],
  );
  const named = [asked.pinnedNodeId, asked.requestedNodeId].every((id) => id === null || id === one.id);
  const nearBy = asked.ownClusterId === null || [asked.ownClusterId, asked.preferredClusterId].includes(one.clusterId);
  const mayCross = nearBy || asked.allowOtherClusters || asked.requestedNodeId === one.id;
  const able = one.healthy && one.schedulable && asked.runtimes.includes(one.runtime) && (one.guarded || !asked.ha);
  const demanded = (asked.demands?.constraints ?? []).every(({ key, values }) =>
    values.length > 0 ? values.some((value) => one.labels[key] === value) : !(key in one.labels),
  );
  const runs = asked.demands?.architectures.length ? asked.demands.architectures.includes(one.architecture) : true;
  return (
    enough &&
    named &&
    mayCross &&
    able &&
    demanded &&
    runs &&
    !asked.excludedNodeIds.includes(one.id) &&
    portsFit(asked, one)
  );
}

function portsFit(asked: PlacementRequest, one: CandidateNode): boolean {
  const fixed = asked.ports.filter((demand) => demand.fixedHostPort !== null);
  const keys = fixed.map((demand) => portKey(demand.protocol, demand.fixedHostPort ?? 0));
  if (new Set(keys).size < keys.length || keys.some((key) => one.takenPorts.has(key))) return false;
  for (const protocol of ["tcp", "udp"]) {
    let free = 0;
    for (let hostPort = one.portPool.min; hostPort > 0 && hostPort <= one.portPool.max; hostPort++) {
      const key = portKey(protocol, hostPort);
      if (!one.takenPorts.has(key) && !keys.includes(key)) free++;
    }
    if (asked.ports.filter((demand) => demand.fixedHostPort === null && demand.protocol === protocol).length > free)
      return false;
  }
  return true;
}

function checkPorts(
  asked: PlacementRequest,
  one: CandidateNode,
  ports: readonly { name: string; hostPort: number; protocol: string }[],
): void {
  expect(ports.map(({ name }) => name)).toEqual(asked.ports.map(({ name }) => name));
  const keys = ports.map(({ protocol, hostPort }) => portKey(protocol, hostPort));
  expect(new Set(keys).size).toBe(keys.length);
  for (const [index, demand] of asked.ports.entries()) {
    const given = ports[index]?.hostPort ?? 0;
    expect(one.takenPorts.has(keys[index] ?? "")).toBe(false);
    if (demand.fixedHostPort !== null) expect(given).toBe(demand.fixedHostPort);
    else expect(given >= one.portPool.min && given <= one.portPool.max).toBe(true);
    const former = asked.formerPorts?.find(
      ({ name, protocol }) => name === demand.name && protocol === demand.protocol,
    );
    if (demand.fixedHostPort !== null || !former || given === former.hostPort) continue;
    // It changed, so it could not be had: outside of the pool, or taken by another container or another port of its own.
    const was = portKey(former.protocol, former.hostPort);
    const outside = former.hostPort < Math.max(1, one.portPool.min) || former.hostPort > one.portPool.max;
    expect(outside || one.takenPorts.has(was) || keys.includes(was)).toBe(true);
  }
}

test("of two nodes with the same room the one that came and went is passed over, and the decision says why", () => {
  const flapPenalty = { points: 126, reason: "came and went 3 times in 10 min: −126" };
  const { decision } = chooseNode(request(), [node("a", { flapPenalty }), node("b")]);
  expect(decision.chosenNodeId).toBe("id-b");
  expect(decision.candidates[0]).toMatchObject({ scoreTerms: { flapping: -126 } });
  expect(decision.candidates[0]?.reason).toContain("came and went 3 times in 10 min: −126");
});

test("a node that takes as many migrations as it may is passed over, and named as what is waited for", () => {
  const { decision } = chooseNode(request({ busyNodeIds: ["id-a"] }), [node("a")]);
  expect(decision.chosenNodeId).toBeNull();
  expect(decision.candidates[0]?.droppedBy).toBe("busy");
});

test("within a cluster the node with the lower priority is chosen, however full; another cluster outweighs any priority", () => {
  const crowded = { cpuMillis: 3_000, memoryBytes: 3_000, diskBytes: 3_000 };
  const preferred = node("b", { priority: NODE_PRIORITY_DEFAULT - 1, allocated: crowded });
  const { decision } = chooseNode(request(), [node("a"), preferred]);
  expect(decision.chosenNodeId).toBe("id-b");
  expect(decision.candidates[1]).toMatchObject({ scoreTerms: { priority: 200 } });
  expect(decision.summary).toContain("its priority is 9");
  expect(decision.candidates[0]?.scoreTerms).toEqual({ cluster: 5_000, spread: 75 });

  const flapping = { points: FLAP_POINTS_MAX, reason: "came and went 16 times" };
  const worst = node("own", { priority: NODE_PRIORITY_MAX, allocated: crowded, flapPenalty: flapping });
  const elsewhere = node("other", { clusterId: "west", priority: 0 });
  expect(chooseNode(request(), [worst, elsewhere]).decision.chosenNodeId).toBe("id-own");
});

test("a cluster that packs fills the fullest node that has room, and one that spreads the emptiest", () => {
  const half = { cpuMillis: 2_000, memoryBytes: 2_000, diskBytes: 2_000 };
  const nodes = (strategy: "spread" | "binpack") => [
    node("a", { strategy }),
    node("b", { strategy, allocated: half }),
    node("c", { strategy, allocated: full }),
  ];
  expect(chooseNode(request(), nodes("spread")).decision.chosenNodeId).toBe("id-a");
  const packed = chooseNode(request(), nodes("binpack")).decision;
  expect(packed.chosenNodeId).toBe("id-b");
  expect(packed.candidates[1]?.scoreTerms).toMatchObject({ binpack: 75 });
});
