import { afterEach, expect, test } from "vitest";
import type { Refusal } from "../domain/refusal.ts";
import { listMigrations } from "../store/read-model/migration-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";
import type { NewContainer } from "./operations.ts";

let rig: FleetRig;
afterEach(() => rig.close());

const nodeOf = (id: string) => rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId ?? "";
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Refusal) => ({ code: error.code, message: error.message }),
  );
const cpu = (cpuMillis: number): Partial<NewContainer> => ({ resources: { cpuMillis, memoryBytes: 1, diskBytes: 0 } });
const create = async (name: string, change: Partial<NewContainer> = {}, spec = {}) => {
  const made = await rig.runtime().operations.createContainer(haContainer(name, change, spec), "test");
  await rig.settle();
  return made;
};
const alerts = () => [...rig.runtime().state.unresolvedAlerts()].map(({ kind, message }) => ({ kind, message }));

test("what is foretold of a node's death is what its death does, container by container", async () => {
  rig = await fleetRig(4);
  for (let index = 0; index < 12; index++) await create(`c-${index}`, cpu(100 + 37 * index));
  for (const nodeId of rig.nodeIds.slice(0, 2)) {
    const foretold = new Map(
      rig
        .runtime()
        .whatIf.one(nodeId)
        .containers.map(({ containerId, targetNodeId }) => [containerId, targetNodeId]),
    );
    expect(foretold.size).toBeGreaterThan(1);
    rig.agents.powerOff(nodeId);
    await rig.pass(9_000);
    for (const [containerId, targetNodeId] of foretold) expect(nodeOf(containerId)).toBe(targetNodeId);
  }
  const moved = await readSnapshot(rig.database.database.orm, (snapshot) =>
    listMigrations(snapshot, {
      containerId: null,
      reach: "everything" as const,
      activeOnly: false,
      pageSize: 100,
      pageToken: "",
    }),
  );
  expect(moved.rows.every(({ row }) => row.outcome === "completed")).toBe(true);
});

test("the answer for all nodes is kept until the fleet changes, and names who would be without a place", async () => {
  rig = await fleetRig(2);
  const board = rig.runtime().whatIf;
  await create("a", cpu(1_500));
  const { nodes: first } = await board.all();
  expect((await board.all()).nodes).toBe(first);
  expect(first.map(({ containers, withoutPlace }) => [containers, withoutPlace.length]).sort()).toEqual([
    [0, 0],
    [1, 0],
  ]);
  const made = await create("b", cpu(1_500));
  const { nodes: second } = await board.all();
  expect(second.flatMap(({ withoutPlace }) => withoutPlace.map(({ containerName }) => containerName)).sort()).toEqual([
    "a",
    "b",
  ]);
  expect(made.warnings.join()).toMatch(/if node-[12] dies, [ab] would be without a place/);
  const [blocked] = board.one(nodeOf(made.containerId)).containers;
  expect(blocked?.blocker).toMatchObject({
    code: "no_target",
    message: expect.stringContaining("needs 1.5 cores, 0.5 of"),
  });
});

test("data that stays is foretold as waiting, and costs no N+1", async () => {
  rig = await fleetRig(2);
  const volumes = [{ name: "d", path: "/d", kind: "local" as const }];
  const made = await create("db", {}, { volumes });
  expect(made.warnings).toEqual([]);
  const [container] = rig.runtime().whatIf.one(nodeOf(made.containerId)).containers;
  expect(container?.blocker?.code).toBe("data_on_dead_node");
  expect((await rig.runtime().whatIf.all()).nodes.reduce((sum, { waiting }) => sum + waiting, 0)).toBe(1);
});

test("the policy refuses what would cost N+1, before anything has changed, and can be let to warn or be off", async () => {
  rig = await fleetRig(2);
  const { operators, operations } = rig.runtime();
  const a = await create("a", cpu(1_500));
  await rig.runtime().clusters.updateCluster(rig.clusterId, { nPlusOne: "refuse" }, "test");
  const before = rig.runtime().newestSequence();
  const refused = await refusal(operations.createContainer(haContainer("b", cpu(1_500)), "test"));
  expect(refused?.code).toBe("n_plus_one_lost");
  expect(refused?.message).toMatch(/if node-\d dies, [ab] would be without a place/);
  const one = nodeOf(a.containerId);
  const other = rig.nodeIds.find((id) => id !== one) ?? "";
  for (const wish of [operators.cordon(other, "t"), operators.drain(other, "t"), operators.drain(one, "t")]) {
    expect((await refusal(wish))?.code).toBe("n_plus_one_lost");
  }
  expect((await refusal(operators.startMaintenance(one, { untilMs: null, failback: true }, "t")))?.code).toBe(
    "n_plus_one_lost",
  );
  expect(rig.runtime().newestSequence()).toBe(before);
  expect(rig.runtime().state.node(one)?.duty.value).toBe("in_service");
  await rig.restart();
  for (const nodeId of rig.nodeIds) await rig.agents.connect(nodeId);
  expect(rig.runtime().state.cluster(rig.clusterId)?.nPlusOne).toBe("refuse");
  await rig.runtime().clusters.updateCluster(rig.clusterId, { nPlusOne: "off" }, "test");
  expect((await create("b", cpu(1_500))).warnings).toEqual([]);
});

test("a standard container that takes the room warns as well, and one that costs nothing does not", async () => {
  rig = await fleetRig(2);
  expect((await create("a", cpu(1_000))).warnings).toEqual([]);
  expect((await create("b", cpu(100))).warnings).toEqual([]);
  expect((await create("s", { ...cpu(1_500), ha: false })).warnings).not.toEqual([]);
  expect((await create("t", cpu(10))).warnings).toEqual([]); // Lost before; not this one's doing.
});

test("N+1 lost is an alert of its cluster until it holds again or the policy is off", async () => {
  rig = await fleetRig(2);
  await create("a", cpu(1_500));
  const { containerId } = await create("b", cpu(1_500));
  await rig.pass(1_500);
  expect(alerts()).toMatchObject([{ kind: "n_plus_one_lost", message: expect.stringContaining("if node-1 dies") }]);
  await rig.runtime().operations.setDesired(containerId, "removed", "test");
  await rig.pass(1_500);
  expect(alerts()).toEqual([]);
  await create("c", cpu(1_500));
  await rig.pass(1_500);
  expect(alerts()).toHaveLength(1);
  await rig.runtime().clusters.updateCluster(rig.clusterId, { nPlusOne: "off" }, "test");
  await rig.pass(1_500);
  expect(alerts()).toEqual([]);
});
