import { beforeEach, describe, expect, test } from "vitest";
import { lifeState } from "../../domain/container/container-status.ts";
import { haContainer } from "../fleet-rig.ts";
import { FleetWorld, migrationStep } from "./fleet-world.ts";

const NODES = ["node-1", "node-2", "node-3"];
const WORK_MAX = 500;

let world: FleetWorld;
let id: string;

const snapshot = () => world.container(id)?.snapshot ?? expect.fail("the container is gone");
const move = () => snapshot().context.move;
const step = () => (move() ? migrationStep(snapshot()) : "none");
const outcomes = () => [...world.records.migrations.values()].map(({ outcome }) => outcome);

/** Works until nothing is left to do. */
async function rest(gone: Iterable<string> = []): Promise<void> {
  const dead = new Set(gone);
  for (let left = WORK_MAX; left > 0; left--) if (!(await world.work(dead))) return;
  expect.fail("the fleet does not come to rest");
}

/** The next command of the container is carried out, perhaps with a fault, and its result is heard. */
async function next(fault: string | null = null): Promise<void> {
  const node = [...world.nodes.values()].find(({ inbox }) => inbox.length > 0) ?? expect.fail("nothing is asked for");
  world.obey(node.id, 0, fault);
  await world.hear(node.id);
}

async function die(nodeId: string): Promise<void> {
  world.node(nodeId).powerOff();
  if (world.chart(nodeId) === "healthy") await world.missHeartbeats(nodeId);
  await world.declareDead(nodeId);
}

/** How each step of a planned migration is reached. */
const REACHED: Record<string, () => Promise<void>> = {
  preparing: async () => {},
  stopping_source: () => next(),
  starting: async () => {
    await next();
    await next();
  },
  verifying: async () => {
    await next();
    await next();
    const target = world.node(move()?.targetNodeId ?? "");
    world.obey(target.id, 0, null);
    // What the host sees of the new copy is heard before the start's own result.
    const copy = target.copies.get(id) ?? expect.fail("nothing was started");
    target.outgoing.unshift({ kind: "report", observed: target.observed(id, copy) });
    await world.hear(target.id);
  },
  cleaning_up: async () => {
    for (let left = 3; left > 0; left--) await next();
  },
  "rolling_back.closing_target": () => next("disk_full"),
  "rolling_back.restarting_source": async () => {
    await next();
    await next();
    await next("start_failed");
    await next();
  },
  fencing: async () => {
    throw new Error("is reached in another way");
  },
};

beforeEach(async () => {
  world = new FleetWorld();
  world.addCluster("local", { autoMigrate: true, allowOtherClusters: true });
  for (const _ of NODES) await world.addNode("local", 2_000);
  await rest();
  const resources = { cpuMillis: 100, memoryBytes: 100, diskBytes: 0 };
  id = (await world.operations.createContainer(haContainer("web", { resources }), "test")).containerId;
  await rest();
  expect(lifeState(snapshot())).toBe("running");
});

async function migrateUntil(wanted: string): Promise<{ source: string; target: string }> {
  const source = snapshot().context.placement?.nodeId ?? "";
  if (wanted === "fencing") {
    world.node(source).reachable = false;
    world.node(source).detach();
    await world.missHeartbeats(source);
  }
  await world.operations.migrate(id, null, "test");
  const target = move()?.targetNodeId ?? "";
  if (wanted !== "fencing") await REACHED[wanted]?.();
  expect(step()).toBe(wanted);
  return { source, target };
}

/** Runs once, where it is shown, and no migration is left under way. */
function expectAtRest(alive: readonly string[]): void {
  expect(outcomes()).not.toContain("running");
  expect(lifeState(snapshot())).toBe("running");
  expect(world.runningOn(id)).toEqual([snapshot().context.placement?.nodeId]);
  expect(alive).toContain(snapshot().context.placement?.nodeId);
}

describe.each(Object.keys(REACHED))("while a migration is %s", (wanted) => {
  test.each(["source", "target"] as const)("its %s may die for good", async (side) => {
    const nodes = await migrateUntil(wanted);
    if (wanted === "fencing" && side === "target") world.node(nodes.source).reachable = true;
    await die(nodes[side]);
    await rest([nodes[side]]);
    expectAtRest(NODES.filter((nodeId) => nodeId !== nodes[side]));
  });

  test.each(["source first", "target first"])("both may die for good, the %s", async (order) => {
    const { source, target } = await migrateUntil(wanted);
    for (const nodeId of order === "source first" ? [source, target] : [target, source]) await die(nodeId);
    await rest([source, target]);
    expectAtRest(NODES.filter((nodeId) => nodeId !== source && nodeId !== target));
  });

  test.each(["source", "target"] as const)("its %s may die and come back", async (side) => {
    const nodes = await migrateUntil(wanted);
    await die(nodes[side]);
    Object.assign(world.node(nodes[side]), { up: true, reachable: true });
    await rest();
    expectAtRest(NODES);
  });

  test.each(["source", "target"] as const)("its %s may fall silent and be heard again", async (side) => {
    const nodes = await migrateUntil(wanted);
    const node = world.node(nodes[side]);
    node.reachable = false;
    node.detach();
    if (world.chart(node.id) === "healthy") await world.missHeartbeats(node.id);
    node.reachable = true;
    await rest();
    expectAtRest(NODES);
  });

  test("the coordinator may start anew, and its source crash before it does", async () => {
    const { source } = await migrateUntil(wanted);
    world.node(source).crash(id);
    await world.hear(source);
    world.restartCoordinator();
    for (const node of world.nodes.values()) node.reachable = true;
    await rest();
    expectAtRest(NODES);
  });
});

test("a failover whose targets die one after another ends up on the last node that is left", async () => {
  const [first = "", second = ""] = [snapshot().context.placement?.nodeId ?? ""];
  await die(first);
  const target = move()?.targetNodeId ?? second;
  await die(target);
  const last = NODES.find((nodeId) => nodeId !== first && nodeId !== target) ?? "";
  expect(move()?.targetNodeId).toBe(last);
  await rest([first, target]);
  expectAtRest([last]);
});

test("a failover that finds no room fails, and the container is placed when a node comes back", async () => {
  for (const nodeId of NODES) await die(nodeId);
  await rest(NODES);
  expect([lifeState(snapshot()), outcomes().includes("running")]).toEqual(["unplaced", false]);
  Object.assign(world.node("node-2"), { up: true });
  await rest(["node-1", "node-3"]);
  expectAtRest(["node-2"]);
});

test("a container that cannot run is given up after eleven attempts, and runs when it is started again by hand", async () => {
  await world.operations.setDesired(id, "stopped", "test");
  await rest();
  await world.operations.setDesired(id, "running", "test");
  let attempts = 0;
  while (lifeState(snapshot()) !== "failed") {
    const deadline = world.nextDeadline();
    if (lifeState(snapshot()) === "backoff" && deadline) await world.fire(deadline);
    await next("start_failed");
    attempts += 1;
    expect(attempts).toBeLessThan(20);
  }
  expect(attempts).toBe(11);
  expect([...world.records.jobs.values()].every(({ ended }) => ended)).toBe(true);
  await world.operations.setDesired(id, "running", "test");
  await rest();
  expectAtRest(NODES);
});

test("a container that was being stopped when its node died may start on any other", async () => {
  const home = snapshot().context.placement?.nodeId ?? "";
  await world.operations.setDesired(id, "stopped", "test");
  await die(home);
  expect(lifeState(snapshot())).toBe("stopped");
  await world.operations.setDesired(id, "running", "test");
  await rest([home]);
  expectAtRest(NODES.filter((nodeId) => nodeId !== home));
});

test("a migration that fails while its source is silent does not show the container as running", async () => {
  const { source, target } = await migrateUntil("fencing");
  await die(target);
  expect(outcomes()).toEqual(["failed"]);
  expect(lifeState(snapshot())).toBe("unknown");
  world.node(source).reachable = true;
  await rest([target]);
  expectAtRest([source]);
});
