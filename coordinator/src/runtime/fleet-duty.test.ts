import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import type { Refusal } from "../domain/refusal.ts";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { listMigrations } from "../store/read-model/migration-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";
import type { NewContainer } from "./operations.ts";

let rig: FleetRig;
afterEach(() => rig.close());

const status = (id: string) => {
  const container = rig.runtime().state.container(id);
  return container && containerStatus(container.snapshot);
};
const nodeOf = (id: string) => rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId;
const duty = (nodeId: string) => rig.runtime().state.node(nodeId)?.duty;
const state = (nodeId: string) => duty(nodeId)?.value;
const items = (nodeId: string) => duty(nodeId)?.context.items ?? [];
const events = () => readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000));
const migrations = () =>
  readSnapshot(rig.database.database.orm, async (snapshot) => {
    const filter = { containerId: null, reach: "everything" as const, activeOnly: false, pageSize: 100, pageToken: "" };
    return (await listMigrations(snapshot, filter)).rows.map(({ row }) => row);
  });
/** But for N+1, which two nodes seldom have. */
const alerts = () => [...rig.runtime().state.unresolvedAlerts()].filter(({ kind }) => kind !== "n_plus_one_lost");
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Refusal) => error.code,
  );

async function create(name: string, change: Partial<NewContainer> = {}, spec = {}): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer(name, change, spec), "test");
  await rig.settle();
  return containerId;
}

/** Cordons all but one node, so that what is created is placed there. */
async function onlyOn(nodeId: string, work: () => Promise<void>): Promise<void> {
  const others = rig.nodeIds.filter((id) => id !== nodeId);
  for (const id of others) await rig.runtime().operators.cordon(id, "test");
  await work();
  for (const id of others) await rig.runtime().operators.uncordon(id, "test");
}

test("a cordoned node takes nothing new, keeps what it has, and is used again once uncordoned", async () => {
  rig = await fleetRig(2);
  const [first = "", second = ""] = rig.nodeIds;
  await rig.runtime().operators.cordon(first, "user:eve");
  for (let index = 0; index < 4; index++) expect(nodeOf(await create(`c-${index}`))).toBe(second);
  expect(duty(first)).toMatchObject({ value: "cordoned", context: { by: "user:eve" } });
  await rig.runtime().operators.uncordon(first, "user:eve");
  expect(nodeOf(await create("later"))).toBe(first);
  expect((await migrations()).length).toBe(0);
});

test("a drain says at once which containers are on their way and which wait for their turn", async () => {
  rig = await fleetRig(2);
  const [first = ""] = rig.nodeIds;
  await onlyOn(first, async () => {
    await create("a");
    await create("b");
  });
  await rig.runtime().clusters.updateCluster(rig.clusterId, { limits: { migrationsAtOnce: 1 } }, "test");
  await rig.runtime().operators.drain(first, "test");
  expect(items(first).map(({ name, state: how, message }) => [name, how, message])).toEqual([
    ["a", "moving", "its migration is under way"],
    ["b", "waiting", "its migration waits for its turn"],
  ]);
  await rig.settle();
  expect(state(first)).toBe("drained");
});

test("a container that waits for room takes it when the node is uncordoned", async () => {
  rig = await fleetRig(1);
  const [only = ""] = rig.nodeIds;
  await rig.runtime().operators.cordon(only, "test");
  const id = await create("web");
  expect(status(id)).toBe("unplaced");
  await rig.runtime().operators.uncordon(only, "test");
  await rig.settle();
  expect(status(id)).toBe("running");
});

test("a drain moves every HA container away by migrations of its own, and standard ones stay and are listed", async () => {
  rig = await fleetRig(3);
  const [first = ""] = rig.nodeIds;
  const ids: string[] = [];
  let standard = "";
  await onlyOn(first, async () => {
    for (let index = 0; index < 5; index++) ids.push(await create(`ha-${index}`));
    standard = await create("plain", { ha: false });
  });
  await rig.runtime().operators.drain(first, "user:eve");
  await rig.settle();
  expect(state(first)).toBe("drained");
  expect(duty(first)?.context).toMatchObject({ left: 5, items: [], staying: ["plain"] });
  for (const id of ids) {
    expect(status(id)).toBe("running");
    expect(nodeOf(id)).not.toBe(first);
  }
  expect([status(standard), nodeOf(standard)]).toEqual(["running", first]);
  const rows = await migrations();
  expect(rows.map(({ trigger, outcome }) => [trigger, outcome])).toEqual(Array(5).fill(["drain", "completed"]));
  expect(rig.agents.overlaps).toEqual([]);
  expect((await events()).map(({ type }) => type)).toContain("node.drained");
});

test("a drain names what blocks each container, and goes on by itself when room comes", async () => {
  rig = await fleetRig(2);
  const [first = "", second = ""] = rig.nodeIds;
  const half = { resources: { cpuMillis: 1_000, memoryBytes: 1, diskBytes: 0 } };
  let big = "";
  let data = "";
  await onlyOn(first, async () => {
    big = await create("big", half);
    data = await create("data", {}, { volumes: [{ name: "d", path: "/d", kind: "local" }] });
  });
  let full = "";
  await onlyOn(second, async () => {
    full = await create("full", { resources: { cpuMillis: 1_500, memoryBytes: 1, diskBytes: 0 } });
  });
  await rig.runtime().operators.drain(first, "test");
  await rig.settle();
  expect(state(first)).toBe("draining");
  expect(items(first)).toMatchObject([
    {
      name: "big",
      state: "blocked",
      code: "no_target",
      message: expect.stringContaining("needs 1 core, 0.5 of 2"),
    },
    { name: "data", state: "blocked", code: "data_stays_behind" },
  ]);
  expect(await migrations()).toEqual([]); // What cannot succeed is not begun.
  await rig.runtime().operations.setDesired(full, "removed", "test");
  await rig.settle();
  expect(nodeOf(big)).toBe(second);
  expect(items(first)).toMatchObject([{ name: "data" }]);
  await rig.runtime().operations.setDesired(data, "stopped", "test");
  await rig.settle();
  expect(state(first)).toBe("drained");
  expect(duty(first)?.context.resting).toEqual(["data"]);
});

test("a drain tries again by itself after a migration that failed, and says meanwhile why it did", async () => {
  rig = await fleetRig(2);
  const [first = "", second = ""] = rig.nodeIds;
  let id = "";
  await onlyOn(first, async () => {
    id = await create("web");
  });
  rig.agents.failing = (nodeId, command) =>
    nodeId === second && command.action.kind === "prepare" ? { code: "image_unavailable", message: "no image" } : null;
  await rig.runtime().operators.drain(first, "test");
  await rig.settle();
  expect(items(first)).toMatchObject([
    { state: "blocked", code: "migration_failed", attempts: 1, message: expect.stringContaining("no image") },
  ]);
  expect([status(id), nodeOf(id)]).toEqual(["running", first]);
  await rig.pass(6_000);
  expect(items(first)).toMatchObject([{ attempts: 2 }]);
  rig.agents.failing = () => null;
  await rig.pass(10_500);
  expect(state(first)).toBe("drained");
  expect(nodeOf(id)).toBe(second);
});

test("a drain survives the coordinator's death at any moment of it, and its retry is not lost", async () => {
  rig = await fleetRig(2);
  const [first = "", second = ""] = rig.nodeIds;
  let id = "";
  await onlyOn(first, async () => {
    id = await create("web");
  });
  rig.agents.swallowing = (_, command) => command.action.kind === "prepare";
  await rig.runtime().operators.drain(first, "test");
  await rig.settle();
  expect(items(first)).toMatchObject([{ state: "moving" }]);
  await rig.restart();
  expect(items(first)).toMatchObject([{ state: "moving" }]);
  rig.agents.swallowing = () => false;
  rig.agents.failing = (_, command) =>
    command.action.kind === "prepare" ? { code: "disk_full", message: "no space" } : null;
  for (const nodeId of rig.nodeIds) await rig.agents.connect(nodeId);
  await rig.settle();
  expect(items(first)).toMatchObject([{ state: "blocked", code: "migration_failed" }]);
  await rig.restart();
  rig.agents.failing = () => null;
  for (const nodeId of rig.nodeIds) await rig.agents.connect(nodeId);
  await rig.pass(6_000);
  expect(state(first)).toBe("drained");
  expect(nodeOf(id)).toBe(second);
});

test("cancelling a drain leaves what has moved where it is and moves nothing more", async () => {
  rig = await fleetRig(2);
  const [first = "", second = ""] = rig.nodeIds;
  let id = "";
  let stuck = "";
  await onlyOn(first, async () => {
    id = await create("web");
    stuck = await create("stuck", {}, { volumes: [{ name: "d", path: "/d", kind: "local" }] });
  });
  await rig.runtime().operators.drain(first, "test");
  await rig.settle();
  expect([nodeOf(id), nodeOf(stuck)]).toEqual([second, first]);
  await rig.runtime().operators.uncordon(first, "test");
  await rig.pass(6_000);
  expect([state(first), nodeOf(id), nodeOf(stuck)]).toEqual(["in_service", second, first]);
  expect(rig.runtime().state.node(first)?.facts.schedulable).toBe(true);
  expect(duty(first)?.context.items).toEqual([]);
});

test("what is started on a drained node after all goes, too", async () => {
  rig = await fleetRig(2);
  const [first = "", second = ""] = rig.nodeIds;
  let id = "";
  await onlyOn(first, async () => {
    id = await create("web");
  });
  await rig.runtime().operations.setDesired(id, "stopped", "test");
  await rig.settle();
  await rig.runtime().operators.drain(first, "test");
  await rig.settle();
  expect(state(first)).toBe("drained");
  await rig.runtime().operations.setDesired(id, "running", "test");
  await rig.settle();
  expect([status(id), nodeOf(id), state(first)]).toEqual(["running", second, "drained"]);
});

test("a maintenance empties the node, its death is no alarm, and at its end what it moved comes back, also over a restart", async () => {
  rig = await fleetRig(3);
  const [first = ""] = rig.nodeIds;
  const ids: string[] = [];
  await onlyOn(first, async () => {
    for (const name of ["a", "b", "c"]) ids.push(await create(name));
  });
  const [a = "", b = "", c = ""] = ids;
  const untilMs = rig.clock.wallMs() + 20_000;
  await rig.runtime().operators.startMaintenance(first, { untilMs, failback: true }, "user:eve");
  await rig.settle();
  expect(state(first)).toBe("maintenance");
  expect(duty(first)?.context.moved.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  rig.agents.powerOff(first);
  await rig.pass(9_000);
  expect(rig.runtime().state.node(first)?.snapshot.value).toBe("dead");
  expect(alerts()).toEqual([]);
  // Moved by somebody else meanwhile: that is where it is wanted now.
  await rig.runtime().operations.migrate(b, null, "test");
  await rig.settle();
  const bAt = nodeOf(b);
  await rig.restart();
  for (const nodeId of rig.nodeIds) if (nodeId !== first) await rig.agents.connect(nodeId);
  await rig.agents.connect(first);
  await rig.pass(6_000);
  expect(nodeOf(a)).not.toBe(first);
  await rig.pass(6_000);
  expect(state(first)).toBe("in_service");
  expect([nodeOf(a), nodeOf(b), nodeOf(c)]).toEqual([first, bAt, first]);
  const triggers = (await migrations()).map(({ trigger }) => trigger).sort();
  expect(triggers).toEqual(["drain", "drain", "drain", "failback", "failback", "manual"]);
  expect(rig.agents.overlaps).toEqual([]);
});

test("a maintenance without failback leaves what it moved where it is; ended early it is in service at once", async () => {
  rig = await fleetRig(2);
  const [first = "", second = ""] = rig.nodeIds;
  let id = "";
  await onlyOn(first, async () => {
    id = await create("web");
  });
  const { operators } = rig.runtime();
  await operators.startMaintenance(first, { untilMs: null, failback: false }, "test");
  await rig.settle();
  expect(state(first)).toBe("maintenance");
  await operators.endMaintenance(first, "test");
  await rig.settle();
  expect([state(first), nodeOf(id)]).toEqual(["in_service", second]);
  expect(await refusal(operators.endMaintenance(first, "test"))).toBe("not_in_maintenance");
});

test("a node that is not back when its maintenance ends is missed then; its containers return once it is", async () => {
  rig = await fleetRig(2);
  const [first = "", second = ""] = rig.nodeIds;
  let id = "";
  await onlyOn(first, async () => {
    id = await create("web");
  });
  const untilMs = rig.clock.wallMs() + 12_000;
  await rig.runtime().operators.startMaintenance(first, { untilMs, failback: true }, "test");
  await rig.settle();
  rig.agents.powerOff(first);
  await rig.pass(12_600);
  expect(state(first)).toBe("returning");
  expect(items(first)).toMatchObject([{ state: "waiting", message: expect.stringContaining("is dead") }]);
  expect(alerts()).toMatchObject([{ kind: "node_dead", subject: { id: first } }]);
  expect(nodeOf(id)).toBe(second);
  await rig.agents.connect(first);
  await rig.settle();
  expect([state(first), nodeOf(id)]).toEqual(["in_service", first]);
  expect(alerts()).toEqual([]);
});

test("wishes that make no sense are refused before anything changes", async () => {
  rig = await fleetRig(1);
  const [only = ""] = rig.nodeIds;
  const { operators } = rig.runtime();
  const before = rig.runtime().newestSequence();
  const stranger = "00000000-0000-4000-8000-00000000dead";
  expect(await refusal(operators.cordon(stranger, "test"))).toBe("not_found");
  expect(await refusal(operators.drain(stranger, "test"))).toBe("not_found");
  expect(await refusal(operators.endMaintenance(only, "test"))).toBe("not_in_maintenance");
  const past = { untilMs: rig.clock.wallMs(), failback: false };
  expect(await refusal(operators.startMaintenance(only, past, "test"))).toBe("invalid_argument");
  await operators.uncordon(only, "test");
  expect(rig.runtime().newestSequence()).toBe(before);
});
