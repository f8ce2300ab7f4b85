import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import { type NodeDemands, readDemands } from "../domain/placement/node-demands.ts";
import type { Refusal } from "../domain/refusal.ts";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

const DEAD_MS = waitMs(LEASE_PROFILES.default) + 2_400;

let rig: FleetRig;
afterEach(() => rig.close());

const container = (id: string) => rig.runtime().state.container(id) ?? expect.fail("it is gone");
const status = (id: string) => containerStatus(container(id).snapshot);
const nodeOf = (id: string) => container(id).snapshot.context.placement?.nodeId ?? "";
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    ({ code, message }: Refusal) => [code, message],
  );
function demands(constraints: string[], architectures: string[] = []): NodeDemands {
  const read = readDemands({ constraints, architectures });
  return read.ok ? { constraints: [], architectures: [], ...read.demands } : expect.fail(read.reason);
}
async function create(name: string, asked: NodeDemands): Promise<string> {
  const wish = haContainer(name, { demands: asked });
  const { containerId } = await rig.runtime().operations.createContainer(wish, "test");
  await rig.settle();
  return containerId;
}
async function label(index: number, set: Record<string, string>, remove: string[] = []) {
  const granted = await rig.runtime().operators.update(rig.nodeIds[index] ?? "", { labels: { set, remove } }, "test");
  await rig.settle();
  return granted;
}

test("a container waits for a node that has what it demands, is told why, and goes there once one has", async () => {
  rig = await fleetRig(2);
  await label(0, { zone: "a" });
  const id = await create("web", demands(["zone=b"]));
  expect(status(id)).toBe("unplaced");
  const { reason } = container(id).snapshot.context;
  expect(reason).toContain("node-1: zone=b is demanded, the node's zone does not meet it");
  expect(reason).toContain("node-2: zone=b is demanded, the node has no zone");
  await label(1, { zone: "b" });
  expect([status(id), nodeOf(id)]).toEqual(["running", rig.nodeIds[1]]);
});

test("the architecture that an agent says counts, and a container that names none runs on any", async () => {
  rig = await fleetRig(1);
  const arm = await create("arm", demands([], ["arm64"]));
  expect(status(arm)).toBe("unplaced");
  expect(container(arm).snapshot.context.reason).toContain("arm64 is demanded, the node is amd64");
  expect(status(await create("both", demands([], ["arm64", "amd64"])))).toBe("running");
  expect(status(await create("any", demands([])))).toBe("running");
});

test("a failover keeps to the demands, and what no living node has leaves it waiting, as was foretold", async () => {
  rig = await fleetRig(3);
  await label(0, { zone: "a" });
  await label(1, { zone: "a" });
  const id = await create("web", demands(["zone=a"]));
  const first = nodeOf(id);
  rig.agents.powerOff(first);
  await rig.pass(DEAD_MS);
  const second = nodeOf(id);
  expect([status(id), rig.nodeIds.slice(0, 2).filter((node) => node !== first)]).toEqual(["running", [second]]);
  // Foretold before it happens.
  const [foretold] = rig.runtime().whatIf.one(second).containers;
  expect(foretold?.blocker).toMatchObject({ code: "no_target" });
  expect(foretold?.blocker?.message).toContain("zone=a is demanded, the node has no zone");
});

test("a copy stays where it runs when labels or demands change, whoever changed them is told, and a move mends it", async () => {
  rig = await fleetRig(2);
  await label(0, { zone: "a" });
  const id = await create("web", demands(["zone=a"]));
  expect(nodeOf(id)).toBe(rig.nodeIds[0]);
  const { notes } = await label(0, { zone: "c" });
  expect(notes).toEqual([expect.stringContaining("1 container stays on node-1 that would not be placed there now")]);
  expect((await label(0, { rack: "1" })).notes).toEqual([]);
  expect([status(id), nodeOf(id)]).toEqual(["running", rig.nodeIds[0]]);
  await label(1, { zone: "b" });
  const change = { tuning: {}, remake: null, demands: { constraints: demands(["zone=b"]).constraints } };
  const updated = await rig.runtime().operations.updateContainer(id, change, "test");
  expect(updated.notes).toEqual([
    "web stays on node-1, where it would not be placed now: zone=b is demanded, the node's zone does not meet it (lormas container migrate web)",
  ]);
  await rig.settle();
  expect(nodeOf(id)).toBe(rig.nodeIds[0]);
  await rig.runtime().operations.migrate(id, null, "test");
  await rig.settle();
  expect([status(id), nodeOf(id)]).toEqual(["running", rig.nodeIds[1]]);
  const said = (await readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000))).filter(
    ({ type }) => type === "container.updated",
  );
  expect(said.map(({ message }) => message)).toEqual(["web was changed by test: constraints zone=b"]);
});

test("a change of one demand leaves the others, and both outlive a restart", async () => {
  rig = await fleetRig(1);
  const id = await create("web", demands(["zone!=b"], ["amd64"]));
  const { operations } = rig.runtime();
  await operations.updateContainer(id, { tuning: {}, remake: null, demands: { constraints: [] } }, "test");
  expect(container(id).snapshot.context.demands).toEqual(demands([], ["amd64"]));
  await rig.restart();
  await rig.settle();
  expect(container(id).snapshot.context.demands).toEqual(demands([], ["amd64"]));
});

test("a label that N+1 rests on is not taken away where the cluster refuses that", async () => {
  rig = await fleetRig(3);
  const { clusters } = rig.runtime();
  await label(0, { zone: "a" });
  await label(1, { zone: "a" });
  await create("web", demands(["zone=a"]));
  await clusters.updateCluster(rig.clusterId, { nPlusOne: "refuse" }, "test");
  const nodes = rig.nodeIds;
  const bare = nodeOf([...rig.runtime().state.containers()][0]?.facts.id ?? "") === nodes[0] ? 1 : 0;
  expect(await refusal(label(bare, {}, ["zone"]))).toEqual([
    "n_plus_one_lost",
    expect.stringContaining("web would be without a place"),
  ]);
  expect(rig.runtime().state.node(nodes[bare] ?? "")?.facts.labels).toEqual({ zone: "a" });
});
