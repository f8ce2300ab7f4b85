import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { presentEpoch } from "@lormas/lease/membership.ts";
import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import { Refusal } from "../domain/refusal.ts";
import { PostgresDecisionStore } from "../store/decisions/postgres-decision-store.ts";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

const W = waitMs(LEASE_PROFILES.default);

let rig: FleetRig;
afterEach(() => rig.close());

const group = () => rig.runtime().groupOf(rig.clusterId) ?? expect.fail("the cluster has no group");
const voters = () => group().voters.map(({ nodeName }) => nodeName);
const nodeOf = (id: string) => rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId ?? "";
const chart = (nodeId: string) => rig.runtime().state.node(nodeId)?.snapshot.value;
const status = (id: string) => {
  const container = rig.runtime().state.container(id);
  return container && containerStatus(container.snapshot);
};
const events = async () =>
  (await readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000))).map(
    ({ type }) => type,
  );
const refusal = (promise: Promise<unknown>): Promise<Refusal> =>
  promise.then(
    () => expect.fail("it was not refused"),
    (error: unknown) => (error instanceof Refusal ? error : Promise.reject(error)),
  );

async function running(): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web"), "test");
  await rig.settle();
  expect(status(containerId)).toBe("running");
  return containerId;
}

test("two nodes make a fenced group of two, in the database as well", async () => {
  rig = await fleetRig(2);
  expect(voters()).toEqual(["node-1", "node-2"]);
  expect(group()).toMatchObject({ epochsKept: 1, policy: { selfFencing: true, survival: true } });
  expect(group().voters.every((voter) => voter.state === "holds_lease" && (voter.heldMs ?? 0) >= W)).toBe(true);
  const loaded = await new PostgresDecisionStore(rig.database.database).load();
  const stored = loaded.memberships.get(rig.clusterId) ?? expect.fail("nothing is stored");
  expect(presentEpoch(stored)).toEqual({
    epoch: group().epoch,
    voters: presentEpoch(rig.runtime().state.membership(rig.clusterId) ?? stored).voters,
    policy: { ...LEASE_PROFILES.default, selfFencing: true, survival: true },
  });
  expect(loaded.newestEpoch).toBe(group().epoch);
  // Flushed with the nodes' health, every five seconds and beside the decisions.
  const confirmed = async () =>
    [...(await new PostgresDecisionStore(rig.database.database).load()).confirmedEpochs.values()].map(Number);
  await expect.poll(confirmed, { timeout: 5_000 }).toEqual([group().epoch, group().epoch]);
});

test("after the death of two of three nothing moves; the alert names them, and it goes on by itself when one is back", async () => {
  rig = await fleetRig(3);
  const id = await running();
  const source = nodeOf(id);
  const [other = "", third = ""] = rig.nodeIds.filter((nodeId) => nodeId !== source);
  rig.agents.powerOff(source);
  rig.agents.powerOff(other);
  await rig.pass(W + 3_000);
  expect(rig.runtime().groupOf(rig.clusterId)?.suspension).toBeNull();
  await rig.pass(W);
  expect([chart(source), chart(other), chart(third)]).toEqual(["unhealthy", "unhealthy", "healthy"]);
  expect(nodeOf(id)).toBe(source);
  const suspension = group().suspension ?? expect.fail("it is not suspended");
  const names = [source, other].map((nodeId) => rig.runtime().state.node(nodeId)?.facts.name ?? "").sort();
  expect(suspension.silent).toEqual(names);
  expect(suspension.missing).toEqual(names);
  expect(suspension.nextStep).toContain(`--node ${names[0]} --node ${names[1]}`);
  expect(await events()).toContain("cluster.migration_suspended");
  expect(voters()).toHaveLength(3);

  // A new leader does not take it back before it knows better.
  await rig.restart();
  await rig.agents.connect(third);
  await rig.pass(1_200);
  expect(group().suspension).not.toBeNull();

  await rig.agents.connect(other);
  await rig.pass(W + 12_000);
  expect(chart(source)).toBe("dead");
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(source);
  expect(group().suspension).toBeNull();
  expect(await events()).toContain("cluster.migration_resumed");
  expect(rig.agents.overlaps).toEqual([]);
});

test("a person's word moves what the majority cannot: only silent nodes, after their W, with who said so", async () => {
  rig = await fleetRig(3);
  const id = await running();
  const source = nodeOf(id);
  const [other = "", third = ""] = rig.nodeIds.filter((nodeId) => nodeId !== source);
  const { clusters } = rig.runtime();
  const override = (...nodeIds: string[]) =>
    clusters.overrideSuspension(rig.clusterId, nodeIds, "no power", "user:ada");
  rig.agents.powerOff(source);
  rig.agents.powerOff(other);
  await rig.pass(3_000);
  expect(await refusal(override(source, third))).toMatchObject({ code: "lease_not_over" });
  expect((await refusal(override(source))).message).toMatch(/for 3\.\d s yet/);
  await rig.pass(2 * W);
  const healthy = await refusal(override(source, third));
  expect(healthy).toMatchObject({ code: "not_silent", message: expect.stringContaining("is heard") });
  expect(await refusal(override(crypto.randomUUID()))).toMatchObject({ code: "unknown_node" });
  expect([chart(source), chart(other)]).toEqual(["unhealthy", "unhealthy"]);

  await override(source, other);
  await rig.settle();
  expect([chart(source), chart(other), chart(third)]).toEqual(["dead", "dead", "healthy"]);
  expect(nodeOf(id)).toBe(third);
  expect(status(id)).toBe("running");
  await rig.pass(1_200);
  expect(group().suspension).toBeNull();
  // It never falls below two: one of the dead stays until somebody takes its place.
  expect(voters()).toHaveLength(2);
  const said = await readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000));
  expect(said.find(({ type }) => type === "cluster.override")).toMatchObject({
    severity: "warning",
    message: expect.stringMatching(/^user:ada says that node-\d, node-\d are off for certain \(no power\)/),
    data: { by: "user:ada", reason: "no power" },
  });
  expect(await refusal(override(source))).toMatchObject({ code: "not_silent" });
});

test("another profile takes effect with the group's next epoch, and the longer W counts until nobody believes in it", async () => {
  rig = await fleetRig(3);
  const { clusters } = rig.runtime();
  await clusters.updateCluster(rig.clusterId, { policy: { profile: "fast" } }, "user:ada");
  expect(group()).toMatchObject({ epochsKept: 2, policy: { profile: "fast", leaseMs: 1_600 } });
  const [victim = ""] = rig.nodeIds;
  // It dies before it has heard of the change: W of the default profile counts.
  rig.agents.powerOff(victim);
  await rig.pass(W - 600);
  expect(chart(victim)).toBe("unhealthy");
  await rig.pass(1_500);
  expect(chart(victim)).toBe("dead");
  await rig.pass(W + 1_500);
  expect(group().epochsKept).toBe(1);
  const [, second = ""] = rig.nodeIds;
  rig.agents.powerOff(second);
  await rig.pass(waitMs(LEASE_PROFILES.fast) + 600);
  expect(chart(second)).toBe("dead");
});

test("unsafe figures are refused, and nothing changes", async () => {
  rig = await fleetRig(1);
  const { clusters } = rig.runtime();
  const wish = clusters.updateCluster(rig.clusterId, { policy: { profile: "custom", leaseMs: 2_000 } }, "user:ada");
  expect(await refusal(wish)).toMatchObject({ code: "unsafe_policy", message: expect.stringContaining("4800 ms") });
  expect(rig.runtime().state.cluster(rig.clusterId)?.policy).toEqual(LEASE_PROFILES.default);
  expect(group().epochsKept).toBe(1);
});

test("clusters are made, and removed when they have no nodes; their epoch numbers are never used again", async () => {
  rig = await fleetRig(2);
  const { clusters } = rig.runtime();
  const { clusterId } = await clusters.createCluster("hall-2", { policy: { profile: "lan" } }, "user:ada");
  expect(await refusal(clusters.createCluster("hall-2", {}, "user:ada"))).toMatchObject({ code: "name_taken" });
  expect(await refusal(clusters.deleteCluster(rig.clusterId, "user:ada"))).toMatchObject({
    code: "cluster_not_empty",
    message: expect.stringContaining("node-1, node-2"),
  });
  await rig.restart();
  expect(rig.runtime().state.cluster(clusterId)).toMatchObject({ name: "hall-2", policy: LEASE_PROFILES.lan });
  await rig.runtime().clusters.deleteCluster(clusterId, "user:ada");
  await rig.restart();
  expect(rig.runtime().state.cluster(clusterId)).toBeUndefined();
});
