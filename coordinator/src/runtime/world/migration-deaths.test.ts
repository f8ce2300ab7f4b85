import { beforeEach, describe, expect, test } from "vitest";
import { MIGRATION_STEPS, MigrationStory } from "./migration-story.ts";

let story: MigrationStory;
beforeEach(async () => {
  story = await new MigrationStory().begin();
});

describe.each(MIGRATION_STEPS)("while a migration is %s", (wanted) => {
  test.each(["source", "target"] as const)("its %s may die for good", async (side) => {
    const nodes = await story.migrateUntil(wanted);
    if (wanted === "fencing" && side === "target") story.world.node(nodes.source).reachable = true;
    await story.die(nodes[side]);
    await story.rest([nodes[side]]);
    story.expectAtRest(story.nodes.filter((nodeId) => nodeId !== nodes[side]));
  });

  test.each(["source first", "target first"])("both may die for good, the %s", async (order) => {
    const { source, target } = await story.migrateUntil(wanted);
    for (const nodeId of order === "source first" ? [source, target] : [target, source]) await story.die(nodeId);
    await story.rest([source, target]);
    story.expectAtRest(story.nodes.filter((nodeId) => nodeId !== source && nodeId !== target));
  });

  test.each(["source", "target"] as const)("its %s may die and come back", async (side) => {
    const nodes = await story.migrateUntil(wanted);
    await story.die(nodes[side]);
    Object.assign(story.world.node(nodes[side]), { up: true, reachable: true });
    await story.rest();
    story.expectAtRest();
  });

  test.each(["source", "target"] as const)("its %s may fall silent and be heard again", async (side) => {
    const nodes = await story.migrateUntil(wanted);
    const node = story.world.node(nodes[side]);
    node.reachable = false;
    node.detach();
    if (story.world.chart(node.id) === "healthy") await story.world.missHeartbeats(node.id);
    node.reachable = true;
    await story.rest();
    story.expectAtRest();
  });

  test("the coordinator may start anew, and its source crash before it does", async () => {
    const { source } = await story.migrateUntil(wanted);
    story.world.node(source).crash(story.id);
    await story.world.hear(source);
    story.world.restartCoordinator();
    for (const node of story.world.nodes.values()) node.reachable = true;
    await story.rest();
    story.expectAtRest();
  });
});

test("a failover whose targets die one after another ends up on the last node that is left", async () => {
  const [first = "", second = ""] = [story.snapshot().context.placement?.nodeId ?? ""];
  await story.die(first);
  const target = story.move()?.targetNodeId ?? second;
  await story.die(target);
  const last = story.nodes.find((nodeId) => nodeId !== first && nodeId !== target) ?? "";
  expect(story.move()?.targetNodeId).toBe(last);
  await story.rest([first, target]);
  story.expectAtRest([last]);
});

test("a failover that finds no room fails, and begins anew when a node comes back", async () => {
  for (const nodeId of story.nodes) await story.die(nodeId);
  await story.rest(story.nodes);
  expect([story.life(), story.outcomes().includes("running")]).toEqual(["stranded", false]);
  Object.assign(story.world.node("node-2"), { up: true });
  await story.rest(["node-1", "node-3"]);
  story.expectAtRest(["node-2"]);
});

test("a container that cannot run is given up after eleven attempts, and runs when it is started again by hand", async () => {
  await story.world.operations.setDesired(story.id, "removed", "test");
  await story.rest();
  story.id = await story.create({ crashesBeforeMove: 0 });
  let attempts = 0;
  while (story.life() !== "failed") {
    const deadline = story.world.nextDeadline();
    if (story.life() === "backoff" && deadline) await story.world.fire(deadline);
    await story.next("start_failed");
    attempts += 1;
    expect(attempts).toBeLessThan(20);
  }
  expect(attempts).toBe(11);
  expect([...story.world.records.jobs.values()].every(({ ended }) => ended)).toBe(true);
  await story.world.operations.setDesired(story.id, "running", "test");
  await story.rest();
  story.expectAtRest();
});

test("a container that was being stopped when its node died may start on any other", async () => {
  const home = story.snapshot().context.placement?.nodeId ?? "";
  await story.world.operations.setDesired(story.id, "stopped", "test");
  await story.die(home);
  expect(story.life()).toBe("stopped");
  await story.world.operations.setDesired(story.id, "running", "test");
  await story.rest([home]);
  story.expectAtRest(story.nodes.filter((nodeId) => nodeId !== home));
});

test("a migration that fails while its source is silent does not show the container as running", async () => {
  const { source, target } = await story.migrateUntil("fencing");
  await story.die(target);
  expect(story.outcomes()).toEqual(["failed"]);
  expect(story.life()).toBe("unknown");
  story.world.node(source).reachable = true;
  await story.rest([target]);
  story.expectAtRest([source]);
});
