import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { presentEpoch } from "@lormas/lease/membership.ts";
import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import type { Refusal } from "../domain/refusal.ts";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { listMigrations } from "../store/read-model/migration-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

const W = waitMs(LEASE_PROFILES.default);
/** W, and what finding a place and moving there takes. */
const DEAD_MS = W + 2_400;

let rig: FleetRig;
afterEach(() => rig.close());

const node = (id: string) => rig.runtime().state.node(id);
const status = (id: string) => {
  const container = rig.runtime().state.container(id);
  return container && containerStatus(container.snapshot);
};
const nodeOf = (id: string) => rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId ?? "";
const voters = () => {
  const history = rig.runtime().state.membership(rig.clusterId);
  return history ? presentEpoch(history).voters.map(({ nodeId }) => nodeId) : [];
};
const events = () => readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000));
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Refusal) => [error.code, error.message],
  );
async function running(change: Parameters<typeof haContainer>[1] = {}): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web", change), "test");
  await rig.settle();
  expect(status(containerId)).toBe("running");
  return containerId;
}

test("a revoked node is granted nothing more, takes nothing new, and what it ran moves once its lease is over", async () => {
  rig = await fleetRig(3);
  const id = await running();
  const source = nodeOf(id);
  await rig.runtime().operators.revoke(source, "user:eve");
  // Its agent knows nothing of it and goes on beating and saying hello.
  await rig.pass(W - 1_200);
  expect([status(id), nodeOf(id)]).toEqual(["unknown", source]);
  await expect(rig.agents.connect(source)).rejects.toThrow(/has been revoked/);
  await rig.pass(3_600);
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(source);
  expect(node(source)?.snapshot.value).toBe("dead");
  const said = (await events()).filter(({ nodeId }) => nodeId === source).map(({ type, message }) => [type, message]);
  expect(said).toContainEqual([
    "node.revoked",
    expect.stringMatching(/^the certificate of node-\d was revoked by user:eve/),
  ]);
  // Twice is harmless, and a restart of the coordinator forgets nothing of it.
  const before = (await events()).length;
  await rig.runtime().operators.revoke(source, "user:eve");
  expect(await events()).toHaveLength(before);
  await rig.restart();
  await rig.settle();
  expect(node(source)?.facts.revokedAtMs).not.toBeNull();
  await expect(rig.agents.connect(source)).rejects.toThrow(/has been revoked/);
});

test("nothing is started on a revoked node, and what it says is not taken, until it is dead", async () => {
  rig = await fleetRig(2);
  const id = await running({ ha: false });
  const home = nodeOf(id);
  await rig.runtime().operations.setDesired(id, "stopped", "test");
  await rig.settle();
  await rig.runtime().operators.revoke(home, "test");
  expect(await refusal(rig.runtime().operations.setDesired(id, "running", "test"))).toEqual([
    "busy",
    expect.stringMatching(/^web is placed on node-\d, which was revoked$/),
  ]);
  const { incarnation } = rig.agents.nodes.get(home) ?? expect.fail("no agent");
  const { session } = node(home)?.snapshot.context ?? expect.fail("no node");
  const inventory = rig.runtime().intake.inventory(home, incarnation, session, []);
  await expect(inventory).rejects.toThrow(/has been revoked/);
  await expect(rig.runtime().intake.goodbye(home, incarnation, session)).rejects.toThrow(/has been revoked/);
});

test("of a revoked node whose death nothing proves, the refusal of its removal names the way out", async () => {
  rig = await fleetRig(1);
  const [only = ""] = rig.nodeIds;
  await rig.runtime().operators.revoke(only, "test");
  await rig.pass(60_000);
  const refused = await rig
    .runtime()
    .operators.remove(only, "test")
    .then(
      () => null,
      (error: Refusal) => error,
    );
  expect([refused?.code, refused?.nextStep]).toEqual([
    "node_not_dead",
    expect.stringContaining("lormas cluster override local --node node-1"),
  ]);
});

test("a revoked node that is still heard gets no container", async () => {
  rig = await fleetRig(2);
  const [first = "", second = ""] = rig.nodeIds;
  await rig.runtime().operators.revoke(first, "test");
  expect(nodeOf(await running())).toBe(second);
});

test("a node that serves, is silent or holds a container is not removed, and the refusal says what to do", async () => {
  rig = await fleetRig(3);
  const id = await running();
  const source = nodeOf(id);
  expect(await refusal(rig.runtime().operators.remove(source, "test"))).toEqual([
    "node_not_dead",
    expect.stringContaining("is healthy"),
  ]);
  rig.agents.powerOff(source);
  await rig.pass(W / 2);
  expect(await refusal(rig.runtime().operators.remove(source, "test"))).toEqual([
    "node_not_dead",
    expect.stringContaining("is unhealthy"),
  ]);
  expect(node(source)).toBeDefined();
  expect(await refusal(rig.runtime().operators.remove("nobody", "test"))).toEqual([
    "not_found",
    "there is no node nobody",
  ]);
});

test("a dead node on which a standard container is placed is removed only once that is deleted", async () => {
  rig = await fleetRig(3);
  const id = await running({ ha: false });
  const source = nodeOf(id);
  rig.agents.powerOff(source);
  await rig.pass(DEAD_MS);
  expect(node(source)?.snapshot.value).toBe("dead");
  expect(await refusal(rig.runtime().operators.remove(source, "test"))).toEqual([
    "node_holds_containers",
    expect.stringMatching(/^node-\d holds 1 container: web$/),
  ]);
  await rig.runtime().operations.setDesired(id, "removed", "test");
  await rig.settle();
  await rig.runtime().operators.remove(source, "test");
  expect(node(source)).toBeUndefined();
});

test("a removed node is gone for good: from votes, alerts, lists and the next term; its name is free and histories keep it", async () => {
  rig = await fleetRig(3);
  const id = await running();
  const source = nodeOf(id);
  const name = node(source)?.facts.name ?? "";
  rig.agents.powerOff(source);
  await rig.pass(DEAD_MS);
  expect(nodeOf(id)).not.toBe(source);
  expect([...rig.runtime().state.unresolvedAlerts()].map(({ subject }) => subject.id)).toContain(source);
  await rig.runtime().operators.remove(source, "user:eve");
  await rig.pass(2_400);
  const gone = () => {
    expect(node(source)).toBeUndefined();
    expect(voters()).not.toContain(source);
    expect([...rig.runtime().state.unresolvedAlerts()].map(({ subject }) => subject.id)).not.toContain(source);
    expect(rig.runtime().liveNode(source)).toBeUndefined();
  };
  gone();
  expect((await events()).map(({ type, message }) => [type, message])).toContainEqual([
    "node.removed",
    `${name} was removed from the fleet by user:eve`,
  ]);
  await expect(rig.agents.connect(source)).rejects.toThrow(/is not enrolled/);
  const history = await readSnapshot(rig.database.database.orm, (snapshot) =>
    listMigrations(snapshot, { containerId: id, activeOnly: false, reach: "everything", pageSize: 10, pageToken: "" }),
  );
  expect(history.rows[0]?.sourceNodeName).toBe(name);
  await rig.restart();
  await rig.settle();
  gone();
  expect(status(id)).toBe("running");
});

test("labels and priority change together or not at all, outlive a restart, and move nothing", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const [first = ""] = rig.nodeIds;
  const { operators } = rig.runtime();
  await operators.update(
    first,
    { priority: 3, labels: { set: { zone: "east", disk: "nvme" }, remove: [] } },
    "user:eve",
  );
  const many = Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`l${n}`, "x"]));
  expect(await refusal(operators.update(first, { priority: 5, labels: { set: many, remove: [] } }, "test"))).toEqual([
    "invalid_argument",
    "it would have 33 labels, a node has at most 32",
  ]);
  const home = nodeOf(id);
  await rig.restart();
  await rig.settle();
  expect(node(first)?.facts).toMatchObject({ priority: 3, labels: { zone: "east", disk: "nvme" } });
  expect(nodeOf(id)).toBe(home);
  const said = (await events()).filter(({ type }) => type === "node.updated").map(({ message }) => message);
  expect(said).toEqual(["node-1 has priority 3 (was 10) and disk=nvme, zone=east now, set by user:eve"]);
});

test("a node is renamed at any time, to a name that nobody has, and its voters are called so", async () => {
  rig = await fleetRig(3);
  const [first = ""] = rig.nodeIds;
  const { operators } = rig.runtime();
  expect(await refusal(operators.update(first, { name: "node-2" }, "test"))).toEqual([
    "name_taken",
    "a node named node-2 is enrolled already",
  ]);
  await operators.update(first, { name: "web-1" }, "user:eve");
  await rig.pass(1_200);
  const history = rig.runtime().state.membership(rig.clusterId) ?? expect.fail("no group");
  expect(
    presentEpoch(history)
      .voters.map(({ nodeName }) => nodeName)
      .sort(),
  ).toEqual(["node-2", "node-3", "web-1"]);
  const said = (await events()).filter(({ type }) => type === "node.updated").map(({ message }) => message);
  expect(said).toEqual(["node-1 has the name web-1 now, set by user:eve"]);
  await rig.restart();
  await rig.settle();
  expect(node(first)?.facts.name).toBe("web-1");
});

test("a node that serves, holds something or votes stays in its cluster, and nothing of the refused change is kept", async () => {
  rig = await fleetRig(4);
  const { operators, clusters } = rig.runtime();
  const { clusterId: hall } = await clusters.createCluster("hall-2", {}, "test");
  const id = await running({ ha: false });
  const home = nodeOf(id);
  const move = (nodeId: string, clusterId = hall) =>
    refusal(operators.update(nodeId, { clusterId, priority: 1 }, "test"));
  expect(await move(home)).toMatchObject(["node_not_dead", expect.stringContaining("is healthy")]);
  rig.agents.powerOff(home);
  await rig.pass(DEAD_MS);
  expect(await move(home)).toMatchObject(["node_holds_containers", expect.stringContaining("web")]);
  await rig.runtime().operations.setDesired(id, "removed", "test");
  const [other = ""] = rig.nodeIds.filter((nodeId) => nodeId !== home);
  rig.agents.powerOff(other);
  await rig.pass(W);
  // Declared dead a moment ago: somebody may still ask for its vote.
  while (node(other)?.snapshot.value !== "dead") await rig.pass(300);
  expect(await move(other)).toMatchObject(["busy", expect.stringContaining("votes in local")]);
  expect(await move(other, "0199c2b4-0000-4000-8000-000000000001")).toMatchObject([
    "unknown_cluster",
    expect.anything(),
  ]);
  expect(node(other)?.facts).toMatchObject({ clusterId: rig.clusterId, priority: 10 });
});

test("a node without anything moves to another cluster, serves there under a higher epoch, and is proven dead by its voters", async () => {
  rig = await fleetRig(4);
  const { operators, clusters } = rig.runtime();
  const { clusterId: hall } = await clusters.createCluster("hall-2", { policy: { profile: "fast" } }, "test");
  // Two that are there already, and vote.
  for (let count = 0; count < 2; count++) await rig.join(hall);
  await rig.pass(9_000);
  const [moved = ""] = rig.nodeIds;
  rig.agents.powerOff(moved);
  await rig.pass(DEAD_MS + W);
  const before = rig.runtime().state.newestEpoch();
  await operators.update(moved, { clusterId: hall }, "user:eve");
  const history = rig.runtime().state.membership(hall) ?? expect.fail("no group");
  expect(presentEpoch(history).epoch).toBe(before + 1);
  expect(presentEpoch(history).voters).toHaveLength(2);
  // A coordinator that takes over knows it as well.
  await rig.restart();
  for (const nodeId of rig.nodeIds) await rig.agents.connect(nodeId);
  await rig.pass(9_000);
  expect(node(moved)).toMatchObject({ facts: { clusterId: hall }, snapshot: { value: "healthy" } });
  expect(rig.agents.nodes.get(moved)?.lease.membership).toMatchObject({ policy: { profile: "fast" } });
  expect(rig.agents.nodes.get(moved)?.lease.membership?.epoch).toBeGreaterThan(before);
  const { containerId } = await rig
    .runtime()
    .operations.createContainer(haContainer("web", { preferredClusterId: hall }), "test");
  await rig.settle();
  if (nodeOf(containerId) !== moved) await rig.runtime().operations.migrate(containerId, moved, "test");
  await rig.settle();
  expect(nodeOf(containerId)).toBe(moved);
  rig.agents.powerOff(moved);
  await rig.pass(waitMs(LEASE_PROFILES.fast) + 2_400);
  expect(status(containerId)).toBe("running");
  expect(nodeOf(containerId)).not.toBe(moved);
  expect(rig.agents.overlaps).toEqual([]);
});
