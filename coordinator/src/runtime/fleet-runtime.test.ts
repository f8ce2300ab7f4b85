import { afterEach, expect, test } from "vitest";
import { containerStatus, migrationStatus } from "../domain/container/container-status.ts";
import type { Refusal } from "../domain/refusal.ts";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { listMigrations } from "../store/read-model/migration-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

/** So that a missing migration fails the expectation, not the test's own code. */
const NOTHING = { row: undefined, steps: undefined };

let rig: FleetRig;
afterEach(() => rig.close());

const status = (id: string) => {
  const container = rig.runtime().state.container(id);
  return container && containerStatus(container.snapshot);
};
const nodeOf = (id: string) => rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId;
const migrations = () =>
  readSnapshot(rig.database.database.orm, async (snapshot) => {
    const filter = { containerId: null, reach: "everything" as const, activeOnly: false, pageSize: 100, pageToken: "" };
    return (await listMigrations(snapshot, filter)).rows;
  });
const events = () => readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000));
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Refusal) => error.code,
  );

async function running(name = "web", change = {}, spec = {}): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer(name, change, spec), "test");
  await rig.settle();
  expect(status(containerId)).toBe("running");
  return containerId;
}

test("an HA container of a dead node runs elsewhere after W, and every step says why", async () => {
  rig = await fleetRig(3);
  const id = await running();
  const source = nodeOf(id);
  rig.agents.powerOff(source ?? "");
  await rig.pass(6_300); // W of the default profile is 6,632 ms, counted from the last heartbeat.
  expect(nodeOf(id)).toBe(source);
  await rig.pass(900);
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(source);
  expect(rig.agents.overlaps).toEqual([]);
  const [{ row: migration, steps } = NOTHING] = await migrations();
  expect(migration).toMatchObject({
    outcome: "completed",
    trigger: "auto",
    sourceNodeId: source,
    targetNodeId: nodeOf(id),
  });
  expect(migration?.decision?.candidates).toHaveLength(3);
  expect(migration?.downtimeMs).toBeGreaterThanOrEqual(6_632);
  expect(steps?.map((step) => step.name)).toEqual([
    "choosing",
    "fencing",
    "preparing",
    "starting",
    "verifying",
    "committing",
    "cleaning_up",
  ]);
  expect(steps?.every((step) => step.endedAt !== null)).toBe(true);
});

test("events are numbered from one without a gap", async () => {
  rig = await fleetRig(2);
  const id = await running();
  rig.agents.powerOff(nodeOf(id) ?? "");
  await rig.pass(8_000);
  const all = await events();
  expect(all.map((event) => event.sequence)).toEqual(all.map((_, index) => index + 1));
  const types = all.map((event) => event.type);
  for (const type of [
    "node.heartbeat_lost",
    "node.dead",
    "migration.started",
    "migration.target_chosen",
    "migration.completed",
  ]) {
    expect(types).toContain(type);
  }
});

test("a planned move prepares the target before it stops the source, and never runs two copies", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const source = nodeOf(id);
  rig.agents.log.length = 0;
  await rig.runtime().operations.migrate(id, null, "test");
  await rig.settle();
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(source);
  expect(rig.agents.log.map((line) => line.split(" ")[0])).toEqual(["prepare", "stop", "start", "remove"]);
  expect(rig.agents.overlaps).toEqual([]);
});

test("a target that cannot start is closed, and the source runs again", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const source = nodeOf(id) ?? "";
  rig.agents.failing = (nodeId, command) =>
    nodeId !== source && command.action.kind === "start" ? { code: "start_failed", message: "port in use" } : null;
  await rig.runtime().operations.migrate(id, null, "test");
  await rig.settle();
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).toBe(source);
  const [{ row: migration } = NOTHING] = await migrations();
  expect(migration).toMatchObject({ outcome: "failed", errorCode: "start_failed" });
  expect(migration?.errorMessage).toContain("port in use");
  expect(rig.agents.overlaps).toEqual([]);
});

test("a coordinator killed in the middle of a migration goes on with it", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const source = nodeOf(id) ?? "";
  rig.agents.swallowing = (_, command) => command.action.kind === "start";
  await rig.runtime().operations.migrate(id, null, "test");
  await rig.settle();
  expect(status(id)).toBe("migrating");
  await rig.restart();
  rig.agents.swallowing = () => false;
  for (const nodeId of rig.nodeIds) await rig.agents.connect(nodeId);
  await rig.settle();
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(source);
  expect(rig.agents.overlaps).toEqual([]);
  expect(rig.agents.log.filter((line) => line.startsWith("start"))).toHaveLength(2);
});

test("a container whose data is on the dead node is not started empty elsewhere", async () => {
  rig = await fleetRig(2);
  const id = await running("db", {}, { volumes: [{ name: "data", path: "/data", kind: "local" }] });
  const source = nodeOf(id) ?? "";
  rig.agents.powerOff(source);
  await rig.pass(8_000);
  expect(status(id)).toBe("unknown");
  const [{ row: migration } = NOTHING] = await migrations();
  expect(migration).toMatchObject({ outcome: "failed", errorCode: "data_on_dead_node" });
  await rig.agents.connect(source);
  await rig.settle();
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).toBe(source);
});

test("a standard container is never moved, and starts again when its node is back", async () => {
  rig = await fleetRig(2);
  const id = await running("std", { ha: false });
  const source = nodeOf(id) ?? "";
  rig.agents.powerOff(source);
  await rig.pass(8_000);
  expect(status(id)).toBe("unknown");
  expect(nodeOf(id)).toBe(source);
  await rig.agents.connect(source);
  await rig.settle();
  expect(status(id)).toBe("running");
});

test("of a standard container stopped on a dead node nobody is told for certain that it has ended", async () => {
  rig = await fleetRig(2);
  const id = await running("std", { ha: false });
  rig.agents.powerOff(nodeOf(id) ?? "");
  await rig.runtime().operations.setDesired(id, "stopped", "test");
  await rig.pass(8_000);
  expect(status(id)).toBe("stopped");
  expect((await events()).filter(({ type }) => type === "container.stopped")).toMatchObject([
    { severity: "warning", message: expect.stringContaining("counts as stopped: its node is dead; if it still runs") },
  ]);
});

test("a container that finds no room waits, says why, and is placed when room comes", async () => {
  rig = await fleetRig(1);
  await running("big", { resources: { cpuMillis: 1_900, memoryBytes: 1, diskBytes: 0 } });
  const { containerId } = await rig
    .runtime()
    .operations.createContainer(
      haContainer("second", { resources: { cpuMillis: 200, memoryBytes: 1, diskBytes: 0 } }),
      "test",
    );
  await rig.settle();
  expect(status(containerId)).toBe("unplaced");
  expect(rig.runtime().state.container(containerId)?.snapshot.context.reason).toContain("needs 0.2 cores, 0.1 of 2");
  const big = rig.runtime().state.containerByName("big");
  await rig.runtime().operations.setDesired(big?.facts.id ?? "", "removed", "test");
  await rig.settle();
  expect(rig.runtime().state.containerByName("big")).toBeUndefined();
  expect(status(containerId)).toBe("running");
});

test("what is promised on a node never exceeds what it has, however many ask at once", async () => {
  rig = await fleetRig(2);
  const wishes = Array.from({ length: 12 }, (_, index) =>
    rig
      .runtime()
      .operations.createContainer(
        haContainer(`c-${index}`, { resources: { cpuMillis: 500, memoryBytes: 1, diskBytes: 0 } }),
        "test",
      ),
  );
  await Promise.all(wishes);
  await rig.settle();
  for (const nodeId of rig.nodeIds) expect(rig.runtime().state.room(nodeId).allocated.cpuMillis).toBe(2_000);
  expect(rig.runtime().state.unplaced()).toHaveLength(4);
});

test("conflicting wishes during a migration are refused and name it", async () => {
  rig = await fleetRig(2);
  const id = await running();
  rig.agents.swallowing = (_, command) => command.action.kind === "prepare";
  const { migrationId } = await rig.runtime().operations.migrate(id, null, "test");
  await rig.settle();
  for (const wish of [
    rig.runtime().operations.setDesired(id, "stopped", "test"),
    rig.runtime().operations.setDesired(id, "removed", "test"),
    rig.runtime().operations.restart(id, "test"),
    rig.runtime().operations.migrate(id, null, "test"),
  ]) {
    await expect(wish).rejects.toMatchObject({
      code: "migration_in_progress",
      message: expect.stringContaining(migrationId),
    });
  }
});

test("wishes that cannot be granted are refused before anything changes", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const before = rig.runtime().newestSequence();
  const { operations } = rig.runtime();
  expect(await refusal(operations.createContainer(haContainer("web"), "test"))).toBe("name_taken");
  expect(await refusal(operations.migrate(id, nodeOf(id) ?? "", "test"))).toBe("same_node");
  expect(await refusal(operations.migrate(id, crypto.randomUUID(), "test"))).toBe("unknown_node");
  expect(await refusal(operations.setDesired(crypto.randomUUID(), "stopped", "test"))).toBe("not_found");
  rig.agents.powerOff(rig.nodeIds.find((nodeId) => nodeId !== nodeOf(id)) ?? "");
  await rig.pass(2_400);
  const later = rig.runtime().newestSequence();
  expect(later).toBe(before + 1n); // heartbeat_lost
  expect(await refusal(operations.migrate(id, null, "test"))).toBe("no_target");
  expect(rig.runtime().newestSequence()).toBe(later);
  expect(await migrations()).toEqual([]);
});

test("a crashed container is started again in place under a new epoch: at once, and later the next time", async () => {
  rig = await fleetRig(1);
  const id = await running();
  await rig.agents.crash(rig.nodeIds[0] ?? "", id);
  await rig.pass(1);
  expect(status(id)).toBe("running");
  expect(rig.runtime().state.container(id)?.snapshot.context.placement?.epoch).toBe(2);
  await rig.agents.crash(rig.nodeIds[0] ?? "", id);
  await rig.pass(200);
  expect(status(id)).toBe("crashed");
  await rig.pass(100);
  expect(status(id)).toBe("running");
  expect(rig.runtime().state.container(id)?.snapshot.context.placement?.epoch).toBe(3);
});

test("a restarted coordinator marks no live node down", async () => {
  rig = await fleetRig(2);
  const id = await running();
  await rig.restart();
  await rig.pass(2_000);
  for (const nodeId of rig.nodeIds) await rig.agents.connect(nodeId);
  await rig.pass(12_000);
  expect(status(id)).toBe("running");
  const bad = ["node.dead", "container.crashed", "migration.started"];
  expect((await events()).filter((event) => bad.includes(event.type))).toEqual([]);
});

test("a node that comes back has its old copies removed and takes part again", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const source = nodeOf(id) ?? "";
  rig.agents.powerOff(source);
  await rig.pass(8_000);
  await rig.agents.connect(source);
  await rig.settle();
  expect(rig.runtime().state.node(source)?.snapshot.value).toBe("healthy");
  expect(rig.runtime().state.node(source)?.snapshot.context.session).toBe(2);
  const back = await rig.runtime().operations.migrate(id, source, "test");
  await rig.settle();
  expect(nodeOf(id)).toBe(source);
  const { snapshot } = rig.runtime().state.container(id) ?? expect.fail(`no container ${id}`);
  expect(migrationStatus(snapshot)).toBe("completed");
  expect(back.migrationId).toMatch(/^[0-9a-f-]{36}$/);
});

test("a start that fails on a taken pool port is tried on another port, after the first copy was closed", async () => {
  rig = await fleetRig(1);
  let failures = 0;
  rig.agents.failing = (_, command) => {
    if (command.action.kind !== "start" || command.action.workload.ports[0]?.hostPort !== 20_000) return null;
    failures++;
    return { code: "port_taken", message: "port 20000/tcp is in use" };
  };
  const id = await running();
  expect(failures).toBe(1);
  const holding = rig
    .runtime()
    .state.room(rig.nodeIds[0] ?? "")
    .holders.get(id);
  expect(holding?.ports.map((port) => port.hostPort)).toEqual([20_001]);
});

test("a start that fails for want of the image is tried on another node", async () => {
  rig = await fleetRig(2);
  const bad = new Set<string>();
  rig.agents.failing = (nodeId, command) => {
    if (command.action.kind !== "start" || (bad.size > 0 && !bad.has(nodeId))) return null;
    bad.add(nodeId);
    return { code: "image_unavailable", message: "no such image" };
  };
  const id = await running();
  expect(bad.has(nodeOf(id) ?? "")).toBe(false);
  expect(rig.agents.log).toEqual([`remove @1 on ${[...bad][0]}`, `start @2 on ${nodeOf(id)}`]);
});
