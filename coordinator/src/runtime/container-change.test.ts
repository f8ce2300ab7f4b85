import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import type { Refusal } from "../domain/refusal.ts";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";
import type { NewContainer, RemadeContainer } from "./operations.ts";

const DEAD_MS = waitMs(LEASE_PROFILES.default) + 2_400;

let rig: FleetRig;
afterEach(() => rig.close());

const container = (id: string) => rig.runtime().state.container(id) ?? expect.fail("it is gone");
const status = (id: string) => containerStatus(container(id).snapshot);
const nodeOf = (id: string) => container(id).snapshot.context.placement?.nodeId ?? "";
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Refusal) => [error.code, error.message],
  );
async function create(change: Partial<NewContainer> = {}, spec = {}): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web", change, spec), "test");
  await rig.settle();
  return containerId;
}
const want = async (id: string, desired: "running" | "stopped") => {
  await rig.runtime().operations.setDesired(id, desired, "test");
  await rig.settle();
};
/** As it is, but for what is given. */
const remade = (id: string, change: Partial<RemadeContainer>) => {
  const { facts, snapshot } = container(id);
  const { ha, resources } = snapshot.context;
  const { environment, spec } = facts;
  const remake = { ha, resources, environment, spec, before: { ha, resources, environment }, ...change };
  return rig.runtime().operations.updateContainer(id, { tuning: {}, remake }, "user:eve");
};

test("what a copy is made with is not changed under one that runs, starts or may run, and nothing of the change is kept", async () => {
  rig = await fleetRig(3);
  const id = await create();
  const before = container(id);
  expect(await refusal(remade(id, { ha: false }))).toEqual([
    "not_stopped",
    expect.stringMatching(/web is not stopped \(running\)/),
  ]);
  rig.agents.powerOff(nodeOf(id));
  await rig.pass(2_400);
  expect(await refusal(remade(id, { ha: false }))).toEqual(["not_stopped", expect.stringContaining("(unknown)")]);
  await rig.pass(DEAD_MS);
  expect(status(id)).toBe("running");
  expect(container(id).facts).toEqual(before.facts);
  expect(container(id).snapshot.context).toMatchObject({ ha: true, resources: before.snapshot.context.resources });
});

test("a stopped standard container becomes HA: its next copy is one, and moves when its node dies", async () => {
  rig = await fleetRig(3);
  const id = await create({ ha: false });
  await want(id, "stopped");
  await remade(id, { ha: true });
  await want(id, "running");
  const source = nodeOf(id);
  const starts = await rig.database.database.orm.em
    .fork()
    .execute("select action->'workload'->'ha' as ha from outbox where action->>'kind' = 'start' order by position");
  expect(starts).toEqual([{ ha: false }, { ha: true }]);
  rig.agents.powerOff(source);
  await rig.pass(DEAD_MS);
  expect(status(id)).toBe("running");
  expect(nodeOf(id)).not.toBe(source);
});

test("a standard container that was wanted stopped on a dead node does not become HA: a copy may run there", async () => {
  rig = await fleetRig(3);
  const id = await create({ ha: false });
  const source = nodeOf(id);
  rig.agents.powerOff(source);
  await rig.pass(DEAD_MS);
  await want(id, "stopped");
  expect(status(id)).toBe("stopped");
  expect(await refusal(remade(id, { ha: true }))).toEqual([
    "not_stopped",
    expect.stringContaining("the node of web is dead"),
  ]);
  expect(container(id).snapshot.context.ha).toBe(false);
  // Once the node is back what was left there has been removed, and it may.
  await rig.agents.connect(source);
  await rig.pass(2_400);
  await remade(id, { ha: true });
  expect(container(id).snapshot.context.ha).toBe(true);
});

test("a stopped container holds what it asks for now, up to what its node has and no further", async () => {
  rig = await fleetRig(1);
  const id = await create({ resources: { cpuMillis: 100, memoryBytes: 64_000_000, diskBytes: 0 } });
  await want(id, "stopped");
  const home = nodeOf(id);
  const room = () => rig.runtime().state.room(home).allocated;
  const { capacity } = rig.runtime().state.node(home)?.facts ?? expect.fail("no node");
  const whole = { ...capacity, diskBytes: 0 };
  await remade(id, { resources: whole });
  expect(room()).toEqual(whole);
  const more = { ...whole, memoryBytes: whole.memoryBytes + 1 };
  expect(await refusal(remade(id, { resources: more }))).toEqual([
    "no_target",
    `node-1, where web is placed, has no room for it: it could have ${Math.round(whole.memoryBytes / 1_048_576)} MiB of memory`,
  ]);
  expect(room()).toEqual(whole);
  await rig.restart();
  await rig.settle();
  expect(room()).toEqual(whole);
});

test("a container that waits for room takes it once it asks for less", async () => {
  rig = await fleetRig(1);
  const id = await create({ resources: { cpuMillis: 10_000_000, memoryBytes: 64_000_000, diskBytes: 0 } });
  expect(status(id)).toBe("unplaced");
  await remade(id, { resources: { cpuMillis: 100, memoryBytes: 64_000_000, diskBytes: 0 } });
  await rig.settle();
  expect(status(id)).toBe("running");
});

test("a change that was made from an older state is refused, so that no other change is undone by it", async () => {
  rig = await fleetRig(1);
  const id = await create({ desired: "stopped", ha: false, environment: { A: "1" } });
  for (const [one, other] of [
    [{ environment: { A: "1", B: "2" } }, { environment: { A: "1", C: "3" } }],
    [{ ha: true }, { resources: { cpuMillis: 200, memoryBytes: 64_000_000, diskBytes: 0 } }],
  ] as const) {
    const first = remade(id, one);
    const second = refusal(remade(id, other));
    await first;
    expect(await second).toMatchObject(["busy", expect.stringContaining("changed by somebody else")]);
  }
  expect(container(id).facts.environment).toEqual({ A: "1", B: "2" });
  expect(container(id).snapshot.context).toMatchObject({ ha: true, resources: { cpuMillis: 100 } });
});

test("ports and volumes that the egg has changed meanwhile are no matter of a change: data would be left behind", async () => {
  rig = await fleetRig(1);
  const local = [{ name: "data", path: "/data", kind: "local" }] as const;
  const id = await create({ desired: "stopped" }, { volumes: local });
  const { spec } = container(id).facts;
  const ports = spec.ports.map((port) => ({ ...port, containerPort: 81 }));
  for (const other of [
    { ...spec, ports },
    { ...spec, volumes: [] },
  ]) {
    expect(await refusal(remade(id, { spec: other }))).toEqual([
      "invalid_argument",
      "the ports or volumes of hello-http have changed since web was made of it",
    ]);
  }
});

test("a container does not become HA on a node that takes none, where its next start would be", async () => {
  rig = await fleetRig(2);
  const id = await create({ ha: false });
  await want(id, "stopped");
  const home = nodeOf(id);
  await rig.runtime().loop.submit((work) => work.changeNode(home, { guarded: false }));
  expect(await refusal(remade(id, { ha: true }))).toEqual([
    "no_target",
    expect.stringMatching(/^node-\d, where web is placed, takes no HA containers: no guard holds its lease$/),
  ]);
  await rig.runtime().loop.submit((work) => work.changeNode(home, { guarded: true, clockSound: false }));
  expect(await refusal(remade(id, { ha: true }))).toMatchObject(["no_target", expect.stringContaining("its clock")]);
  expect(container(id).snapshot.context.ha).toBe(false);
});

test("what no copy knows of is changed while it runs, outlives a restart, and an event names who did it", async () => {
  rig = await fleetRig(2);
  const id = await create();
  const tuning = {
    priority: "critical",
    crashesBeforeMove: 0,
    allowDataLoss: true,
    preferredClusterId: rig.clusterId,
  } as const;
  await rig.runtime().operations.updateContainer(id, { tuning, remake: null }, "user:eve");
  await rig.restart();
  await rig.settle();
  expect(container(id).snapshot.context).toMatchObject(tuning);
  expect(status(id)).toBe("running");
  const events = await readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000));
  expect(events.find(({ type }) => type === "container.updated")?.message).toBe(
    "web was changed by user:eve: preferred cluster local, priority critical (was normal), moves after 0 failures (was 3), data loss allowed",
  );
});
