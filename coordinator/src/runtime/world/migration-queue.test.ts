import { expect, test } from "vitest";
import { MigrationStory } from "./migration-story.ts";

let story: MigrationStory;

/** Containers that run on node-1, in the order in which they were made. */
async function onFirstNode(count: number, wish: Parameters<MigrationStory["create"]>[0][] = []): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    story.world.nowMs += 1_000;
    const id = await story.create(wish[n]);
    await story.rest();
    if (story.home(id) !== "node-1") {
      await story.world.operations.migrate(id, "node-1", "test");
      await story.rest();
    }
    expect(story.home(id)).toBe("node-1");
    ids.push(id);
  }
  return ids;
}

const migrate = (id: string, to: string | null = null) => story.world.operations.migrate(id, to, "test");
const steps = (ids: readonly string[]) => ids.map((id) => story.step(id));

test("a cluster moves as many at once as it may, and the end of one lets the next begin in the same decision", async () => {
  story = await new MigrationStory().begin({ migrationsAtOnce: 2 });
  const ids = await onFirstNode(4);
  for (const id of ids) await migrate(id);
  expect(steps(ids)).toEqual(["preparing", "preparing", "queued", "queued"]);
  expect(story.move(ids[2])?.heldFor).toBe(
    "2 migrations away from cluster local are under way, as many as may be at once",
  );
  story.id = ids[0] ?? "";
  await story.cancel();
  expect(steps(ids)).toEqual(["rolling_back.closing_target", "preparing", "queued", "queued"]);
  await story.next(); // The other one's target prepares, or this one's is closed: whichever came first.
  await story.rest();
  expect(ids.map((id) => story.outcomes(id).at(-1))).toEqual(["cancelled", "completed", "completed", "completed"]);
});

test("a target takes as many at once as it may, and the others wait for it", async () => {
  story = await new MigrationStory().begin({ migrationsPerTarget: 1 });
  const ids = await onFirstNode(3);
  for (const id of ids) await migrate(id, "node-2");
  expect(steps(ids)).toEqual(["preparing", "queued", "queued"]);
  expect(story.move(ids[1])?.heldFor).toBe("every node that could take it takes as many migrations as it may at once");
  await story.rest();
  expect(ids.map((id) => story.home(id))).toEqual(["node-2", "node-2", "node-2"]);
});

test("a wish for no node in particular goes to the node that is free", async () => {
  story = await new MigrationStory().begin({ migrationsPerTarget: 1 });
  const ids = await onFirstNode(3);
  for (const id of ids) await migrate(id);
  expect(ids.map((id) => story.move(id)?.targetNodeId)).toEqual(["node-2", "node-3", null]);
  await story.rest();
});

test("the higher restart priority goes first, and of equals the older", async () => {
  story = await new MigrationStory().begin({ migrationsAtOnce: 1 });
  const wishes = [{}, { priority: "low" }, { priority: "normal" }, { priority: "critical" }, { priority: "normal" }];
  const ids = await onFirstNode(5, wishes as Parameters<MigrationStory["create"]>[0][]);
  for (const id of ids) {
    story.world.nowMs += 1_000;
    await migrate(id);
  }
  const order: string[] = [];
  for (let left = 300; left > 0 && (await story.world.work()); left--) {
    for (const id of ids) if (story.step(id) === "preparing" && !order.includes(id)) order.push(id);
  }
  expect(order).toEqual([ids[0], ids[3], ids[2], ids[4], ids[1]]);
});

test("failovers do not wait for the cluster's limit, and the room that is left goes to the highest priority", async () => {
  story = await new MigrationStory(2).begin({ migrationsAtOnce: 1 });
  const resources = { cpuMillis: 800, memoryBytes: 100, diskBytes: 0 };
  const ids = await onFirstNode(2, [{ resources }, { resources, priority: "high" }]);
  await story.world.operations.setDesired(story.id, "removed", "test");
  await story.rest();
  const third = await story.create({ resources });
  await story.rest();
  expect(story.home(third)).toBe("node-2");
  await story.die("node-1");
  await story.rest(["node-1"]);
  expect([story.home(ids[1]), story.life(ids[1])]).toEqual(["node-2", "running"]);
  expect(story.life(ids[0])).toBe("stranded");
});

test("failovers start on one node as many at once as it may take, and the others follow", async () => {
  story = await new MigrationStory(2).begin({ failoversPerTarget: 2 });
  const ids = await onFirstNode(4);
  await story.die("node-1");
  expect(steps(ids).filter((step) => step === "preparing")).toHaveLength(2);
  expect(steps(ids).filter((step) => step === "queued")).toHaveLength(2);
  await story.rest(["node-1"]);
  expect(ids.map((id) => [story.home(id), story.life(id)])).toEqual(ids.map(() => ["node-2", "running"]));
});

test("the queue is there again after the coordinator starts anew", async () => {
  story = await new MigrationStory().begin({ migrationsAtOnce: 1 });
  const ids = await onFirstNode(3);
  for (const id of ids) await migrate(id);
  story.world.restartCoordinator();
  expect(steps(ids)).toEqual(["preparing", "queued", "queued"]);
  await story.rest();
  expect(ids.map((id) => story.outcomes(id).at(-1))).toEqual(["completed", "completed", "completed"]);
});

test("a move that nobody can take fails at once instead of waiting", async () => {
  story = await new MigrationStory(1).begin();
  await expect(migrate(story.id)).rejects.toMatchObject({ code: "no_target" });
  expect(story.life()).toBe("running");
});
