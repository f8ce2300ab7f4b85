import { expect, test } from "vitest";
import { haContainer } from "../fleet-rig.ts";
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

test("a forced migration begins at once, past the limits of the cluster and of the target, and others count it", async () => {
  story = await new MigrationStory().begin({ migrationsAtOnce: 2, migrationsPerTarget: 2 });
  const ids = await onFirstNode(4);
  const [first = "", second = "", third = "", fourth = ""] = ids;
  await migrate(first, "node-2");
  await migrate(second, "node-2");
  await story.world.operations.migrate(third, "node-2", "test", { force: true });
  expect(steps([first, second, third])).toEqual(["preparing", "preparing", "preparing"]);
  story.id = first;
  await story.cancel();
  while (story.step(first) !== "none") await story.next();
  // Two are under way yet, the forced one among them.
  for (const step of steps([second, third])) expect(["preparing", "starting"]).toContain(step);
  await migrate(fourth, "node-2");
  expect(story.step(fourth)).toBe("queued");
  await story.rest();
  expect([second, third, fourth].map((id) => story.home(id))).toEqual(["node-2", "node-2", "node-2"]);
});

test("a preview names the node that the migration takes, past one that takes as many as it may", async () => {
  story = await new MigrationStory().begin({ migrationsPerTarget: 1 });
  const [first = "", second = ""] = await onFirstNode(2);
  await migrate(first, "node-2");
  expect(await story.world.operations.previewMigration(second, null)).toMatchObject({
    targetNodeId: "node-3",
    waitsFor: "",
  });
  await migrate(second);
  expect(story.move(second)?.targetNodeId).toBe("node-3");
  await story.rest();
});

test("a preview of a container whose node does not answer says that it is waited for", async () => {
  story = await new MigrationStory().begin();
  const [id = ""] = await onFirstNode(1);
  await story.fall("node-1");
  expect((await story.world.operations.previewMigration(id, null)).waitsFor).toMatch(/^node-1 does not answer/);
});

test("a preview tells target, wait and time without service, and leaves everything as it was", async () => {
  story = await new MigrationStory().begin({ migrationsAtOnce: 1 });
  const [first = "", second = ""] = await onFirstNode(2);
  const { operations, state } = story.world;
  const { version } = state;
  const before = story.outcomes(second);
  const { startBudgetMs, stopGraceMs, resources } = story.snapshot(first).context;
  expect(await operations.previewMigration(first, null)).toMatchObject({
    ...{ sourceNodeId: "node-1", targetNodeId: "node-2", waitsFor: "", resources, warnings: [] },
    downtime: [
      { name: "stop", ms: stopGraceMs },
      { name: "start", ms: startBudgetMs },
    ],
  });
  expect(state.version).toBe(version);
  expect(story.step(first)).toBe("none");

  await migrate(first);
  expect((await operations.previewMigration(second, null)).waitsFor).toContain("1 migration away from cluster local");
  expect((await operations.previewMigration(second, null, { force: true })).waitsFor).toBe("");
  await expect(operations.previewMigration(first, null)).rejects.toMatchObject({ code: "migration_in_progress" });
  await story.rest();
  await expect(operations.previewMigration(second, "node-1")).rejects.toMatchObject({ code: "same_node" });
  expect(story.outcomes(second)).toEqual(before);
});

test("a preview of what no node can take says why of each, and one of local data says what is lost", async () => {
  story = await new MigrationStory(2).begin();
  const volumes = [{ name: "data", path: "/data", kind: "local" as const }];
  const [id = ""] = await onFirstNode(1, [{ allowDataLoss: true, spec: haContainer("any", {}, { volumes }).spec }]);
  const preview = await story.world.operations.previewMigration(id, null);
  expect(preview.warnings).toEqual([
    expect.stringMatching(/^the data in \/data stays on node-1: .* starts with empty volumes$/),
  ]);
  await story.die("node-2");
  const nowhere = await story.world.operations.previewMigration(id, null);
  expect(nowhere.targetNodeId).toBeNull();
  expect(nowhere.decision.candidates.map(({ droppedBy }) => droppedBy)).toEqual(["excluded", "unhealthy"]);
});
