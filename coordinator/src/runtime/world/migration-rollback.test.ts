import { beforeEach, describe, expect, test } from "vitest";
import type { Refusal } from "../../domain/refusal.ts";
import { MIGRATION_STEPS, MigrationStory } from "./migration-story.ts";

let story: MigrationStory;
beforeEach(async () => {
  story = await new MigrationStory().begin();
});

/** Migrations that wait for their only slot are queued behind this one. */
async function queued(): Promise<{ blocker: string; source: string }> {
  story = await new MigrationStory().begin({ migrationsAtOnce: 1 });
  const blocker = await story.create();
  await story.rest();
  await story.world.operations.migrate(blocker, null, "test");
  const source = story.home();
  await story.world.operations.migrate(story.id, null, "test");
  expect(story.step()).toBe("queued");
  return { blocker, source };
}

describe.each(["preparing", "stopping_source", "starting", "verifying"] as const)("when %s fails", (wanted) => {
  test("the target is closed and the source serves again", async () => {
    const { source, target } = await story.migrateUntil(wanted);
    if (wanted === "verifying") {
      story.world.node(target).outgoing.length = 0; // The start's result is still on its way.
      story.world.node(target).crash(story.id);
      await story.world.hear(target);
    } else {
      await story.next("disk_full");
    }
    await story.rest();
    expect([story.outcomes(), story.home()]).toEqual([["failed"], source]);
    story.expectAtRest([source]);
    expect(story.world.node(target).copies.has(story.id)).toBe(false);
  });
});

describe.each(["fencing", "preparing", "stopping_source", "starting", "verifying"] as const)(
  "when %s takes too long",
  (wanted) => {
    test("the migration fails by its deadline and the source serves", async () => {
      const { source } = await story.migrateUntil(wanted);
      await story.timeOut();
      story.world.node(source).reachable = true;
      await story.rest();
      expect(story.outcomes()).toEqual(["failed"]);
      story.expectAtRest([source]);
    });
  },
);

test("cleaning up that fails or takes too long completes the migration all the same", async () => {
  for (const end of [() => story.next("disk_full"), () => story.timeOut()]) {
    story = await new MigrationStory().begin();
    const { target } = await story.migrateUntil("cleaning_up");
    await end();
    expect(story.outcomes()).toEqual(["completed"]);
    await story.rest();
    story.expectAtRest([target]);
  }
});

test("a target that never confirms its removal does not hold a migration up in which nothing was started there", async () => {
  const { source } = await story.migrateUntil("rolling_back.closing_target");
  for (let tries = 0; tries < 3; tries++) {
    expect(story.step()).toBe("rolling_back.closing_target");
    await story.next("runtime_error");
    if (story.move()) await story.timeOut();
  }
  expect(story.outcomes()).toEqual(["failed"]);
  story.expectAtRest([source]);
});

test("a source is not started again before a target that was told to start has confirmed its end", async () => {
  const { source, target } = await story.migrateUntil("starting");
  await story.timeOut();
  for (let tries = 0; tries < 10; tries++) {
    expect(story.step()).toBe("rolling_back.closing_target");
    await story.timeOut();
  }
  expect(story.world.runningOn(story.id)).toEqual([]);
  await story.rest();
  story.expectAtRest([source]);
  expect(story.world.node(target).copies.has(story.id)).toBe(false);
});

test("a source that does not start again counts as crashed and is started in place", async () => {
  const { source } = await story.migrateUntil("rolling_back.restarting_source");
  await story.next("start_failed");
  expect([story.outcomes(), story.life()]).toEqual([["failed"], "backoff"]);
  await story.rest();
  story.expectAtRest([source]);
});

test("transferring and committing are left in the decision that enters them", async () => {
  const { target } = await story.migrateUntil("stopping_source");
  await story.next();
  expect(story.step()).toBe("starting");
  await story.next();
  expect(story.step()).toBe("cleaning_up");
  await story.rest();
  story.expectAtRest([target]);
});

test("a planned move prepares its target while the source serves", async () => {
  const { source, target } = await story.migrateUntil("preparing");
  expect(story.world.runningOn(story.id)).toEqual([source]);
  expect(story.world.node(target).inbox.map(({ action }) => action.kind)).toEqual(["prepare"]);
  await story.next();
  expect(story.step()).toBe("stopping_source");
  expect(story.world.runningOn(story.id)).toEqual([source]);
});

test("a node whose removal closed an epoch can be the target again", async () => {
  const { target } = await story.migrateUntil("rolling_back.closing_target");
  await story.rest();
  await story.world.operations.migrate(story.id, target, "test");
  await story.rest();
  expect(story.outcomes()).toEqual(["failed", "completed"]);
  story.expectAtRest([target]);
});

describe("a migration that is cancelled", () => {
  test.each(MIGRATION_STEPS.filter((step) => step !== "cleaning_up" && step !== "rolling_back.restarting_source"))(
    "while it is %s leaves the container running at its source",
    async (wanted) => {
      const { source } = await story.migrateUntil(wanted);
      await story.cancel();
      await story.cancel(); // Asking twice is granted.
      story.world.node(source).reachable = true;
      await story.rest();
      expect(story.outcomes()).toEqual(["cancelled"]);
      story.expectAtRest([source]);
    },
  );

  test("in the queue never begins", async () => {
    const { source } = await queued();
    await story.cancel();
    expect([story.outcomes(), story.life()]).toEqual([["cancelled"], "running"]);
    await story.rest();
    story.expectAtRest([source]);
  });

  test("once the target is the place is refused, with what becomes of it and what to do", async () => {
    const { target } = await story.migrateUntil("cleaning_up");
    const refusal = await story.cancel().catch((error: Refusal) => error);
    expect(refusal).toMatchObject({ code: "not_cancellable", nextStep: expect.stringContaining("migrate it back") });
    expect(String(refusal)).toContain(`cleaning_up: web-1 runs on ${target} already`);
    const id = story.migrationId();
    await story.rest();
    await expect(story.world.operations.cancelMigration(id, story.id, "ann")).rejects.toMatchObject({
      code: "not_cancellable",
      message: `migration ${id} has ended`,
    });
    story.expectAtRest([target]);
  });

  test("goes on as a failover of its own when its source dies before it is undone", async () => {
    const { source } = await story.migrateUntil("starting");
    await story.cancel();
    await story.die(source);
    await story.rest([source]);
    expect(story.outcomes()).toEqual(["cancelled", "completed"]);
    story.expectAtRest(story.nodes.filter((node) => node !== source));
  });

  test("away from a dead node waits for that node, and is not moved by itself", async () => {
    const source = story.home();
    await story.die(source);
    expect(story.step()).toBe("preparing");
    await story.cancel();
    await story.rest([source]);
    expect([story.outcomes(), story.life()]).toEqual([["cancelled"], "lost"]);
    expect(story.snapshot().context.reason).toBe("the migration was cancelled by ann; it waits for its node");
    story.world.node(source).up = true;
    await story.rest();
    story.expectAtRest([source]);
  });
});

describe("while a container is being moved", () => {
  const conflicting: [string, () => Promise<unknown>][] = [
    ["stop", () => story.world.operations.setDesired(story.id, "stopped", "test")],
    ["delete", () => story.world.operations.setDesired(story.id, "removed", "test")],
    ["restart", () => story.world.operations.restart(story.id, "test")],
    ["migrate", () => story.world.operations.migrate(story.id, null, "test")],
  ];
  test.each(conflicting)("%s is refused, naming the migration, its state and the way to cancel it", async (_, wish) => {
    await story.migrateUntil("stopping_source");
    const id = story.migrationId();
    await expect(wish()).rejects.toMatchObject({
      code: "migration_in_progress",
      message: `web-1 is being moved by migration ${id} (stopping_source)`,
      nextStep: `wait until the migration has ended, or cancel it: lormas migration cancel ${id}`,
    });
  });

  test("nobody is told to cancel what cannot be cancelled", async () => {
    await story.migrateUntil("cleaning_up");
    await expect(story.world.operations.restart(story.id, "test")).rejects.toMatchObject({
      nextStep: "wait until the migration has ended; it cannot be cancelled any more",
    });
  });
});

describe("in the queue", () => {
  test("a source that dies makes the move a failover, which does not wait", async () => {
    const { source } = await queued();
    await story.die(source);
    expect(story.step()).toBe("preparing");
    await story.rest([source]);
    story.expectAtRest(story.nodes.filter((node) => node !== source));
  });

  test("a source whose copy ends is without service and does not wait", async () => {
    const { source } = await queued();
    story.world.node(source).crash(story.id);
    while (story.world.node(source).outgoing.length > 0) await story.world.hear(source);
    expect(story.step()).toBe("preparing");
    await story.rest();
    expect(story.outcomes()).toEqual(["completed"]);
    story.expectAtRest();
  });

  test("a move that waited for half an hour fails and leaves the container where it serves", async () => {
    const { source } = await queued();
    await story.timeOut();
    expect([story.outcomes(), story.life(), story.home()]).toEqual([["failed"], "running", source]);
  });
});
