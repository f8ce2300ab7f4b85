import { beforeEach, describe, expect, test } from "vitest";
import { MigrationStory } from "./migration-story.ts";

let story: MigrationStory;
beforeEach(async () => {
  story = await new MigrationStory().begin();
});

const others = (nodeId: string) => story.nodes.filter((node) => node !== nodeId);

/** The source dies, and every target refuses. */
async function failEverywhere(fault: string): Promise<string> {
  const source = story.home();
  await story.die(source);
  for (let left = 30; left > 0 && story.move(); left--) {
    const start = [...story.world.nodes.values()].find(({ inbox }) => inbox.length > 0);
    await story.next(start?.inbox[0]?.action.kind === "remove" ? null : fault);
  }
  expect([story.life(), story.outcomes()]).toEqual(["stranded", ["failed"]]);
  return source;
}

describe("a failover that failed", () => {
  test("is tried again by itself on every node, later each time", async () => {
    const source = await failEverywhere("image_unavailable");
    expect(story.snapshot().context.deadline).toMatchObject({ name: "move_again", lastsMs: 5_000 });
    expect(story.snapshot().context.reason).toContain("tried again in 5 s");
    await story.world.fire({ containerId: story.id, ...(story.snapshot().context.deadline ?? expect.fail()) });
    for (let left = 30; left > 0 && story.move(); left--) {
      const node = [...story.world.nodes.values()].find(({ inbox }) => inbox.length > 0);
      await story.next(node?.inbox[0]?.action.kind === "remove" ? null : "image_unavailable");
    }
    expect(story.snapshot().context.deadline).toMatchObject({ name: "move_again", lastsMs: 10_000 });
    await story.rest([source]);
    expect(story.outcomes()).toEqual(["failed", "failed", "completed"]);
    expect(story.snapshot().context.retry).toBeNull();
    story.expectAtRest(others(source));
  });

  test("counts its downtime from the death, over all tries", async () => {
    const diedAt = story.world.nowMs;
    const source = await failEverywhere("disk_full");
    await story.rest([source]);
    expect(story.world.nowMs - diedAt).toBeGreaterThanOrEqual(5_000);
    story.expectAtRest(others(source));
  });

  test("is not tried again at once by the room that it gave back itself", async () => {
    await failEverywhere("disk_full");
    expect(story.outcomes()).toHaveLength(1);
  });

  test("is tried again at once on a node that comes", async () => {
    const source = await failEverywhere("disk_full");
    await story.world.addNode("local", 2_000);
    for (let left = 10; left > 0 && !story.move(); left--) await story.world.hear("node-4");
    expect(story.move()?.targetNodeId).toBe("node-4");
    await story.rest([source]);
    expect(story.home()).toBe("node-4");
  });

  test("ends when its node returns: it starts there", async () => {
    const source = await failEverywhere("disk_full");
    Object.assign(story.world.node(source), { up: true });
    await story.world.attach(source);
    await story.world.hear(source);
    expect([story.life(), story.home()]).toEqual(["starting", source]);
    await story.rest();
    story.expectAtRest([source]);
  });

  test("may be stopped, and starts anywhere when it is wanted again", async () => {
    const source = await failEverywhere("disk_full");
    await story.world.operations.setDesired(story.id, "stopped", "test");
    expect(story.life()).toBe("stopped");
    await story.world.operations.setDesired(story.id, "running", "test");
    await story.rest([source]);
    story.expectAtRest(others(source));
  });

  test("for want of room waits for room, not for time", async () => {
    for (const nodeId of story.nodes) await story.die(nodeId);
    await story.rest(story.nodes);
    expect([story.life(), story.snapshot().context.deadline]).toEqual(["stranded", null]);
    expect(story.snapshot().context.reason).toContain("it waits for a node that can take it");
  });

  test("because its data is on the dead node is not tried again", async () => {
    const volumes = [{ name: "data", path: "/data", kind: "local" as const }];
    const { spec } = story.world.container(story.id)?.facts ?? expect.fail();
    story.id = await story.create({ spec: { ...spec, volumes } });
    await story.rest();
    const source = story.home();
    await story.die(source);
    await story.rest([source]);
    expect([story.life(), story.outcomes(), story.snapshot().context.deadline]).toEqual(["lost", ["failed"], null]);
  });
});

describe("a container that keeps failing where it is", () => {
  const crash = async () => {
    const home = story.home();
    story.world.node(home).crash(story.id);
    while (story.world.node(home).outgoing.length > 0) await story.world.hear(home);
  };

  test("is started again in place, and moves after its third failure in a row", async () => {
    const source = story.home();
    for (let n = 1; n <= 2; n++) {
      await crash();
      expect(story.life()).toBe("backoff");
      await story.rest();
      expect(story.home()).toBe(source);
    }
    await crash();
    expect([story.life(), story.move()?.trigger, story.step()]).toEqual(["moving", "auto", "preparing"]);
    await story.rest();
    expect(story.outcomes()).toEqual(["completed"]);
    story.expectAtRest(others(source));
  });

  test("is forgiven what lies behind a minute of running", async () => {
    const source = story.home();
    for (let n = 1; n <= 6; n++) {
      story.world.nowMs += 61_000;
      await crash();
      await story.rest();
    }
    expect([story.home(), story.outcomes()]).toEqual([source, []]);
  });

  test("does not go from node to node without end: it is given up after eleven failures on however many", async () => {
    const homes = new Set<string>();
    let crashes = 0;
    while (story.life() === "running") {
      homes.add(story.home());
      await crash();
      crashes += 1;
      expect(crashes).toBeLessThan(20);
      if (story.life() === "failed") break;
      await story.rest();
    }
    expect([crashes, story.life()]).toEqual([11, "failed"]);
    expect(homes.size).toBeGreaterThan(1);
    expect(story.outcomes().every((outcome) => outcome === "completed")).toBe(true);
  });

  test("stays when no other node can take it, when it is told to, and when it is a standard one", async () => {
    const wishes = [
      { crashesBeforeMove: 0 },
      { ha: false },
      { resources: { cpuMillis: 1_500, memoryBytes: 1, diskBytes: 0 } },
    ];
    for (const wish of wishes) {
      story = await new MigrationStory("resources" in wish ? 1 : 3).begin({}, wish);
      const source = story.home();
      for (let n = 1; n <= 4; n++) {
        await crash();
        await story.rest();
      }
      expect([story.home(), story.life(), story.outcomes()]).toEqual([source, "running", []]);
    }
  });
});

test("a node that died a while ago is taken after the others, and its history says why", async () => {
  const back = story.nodes.find((node) => node !== story.home()) ?? "";
  await story.die(back);
  Object.assign(story.world.node(back), { up: true });
  await story.rest();
  const id = await story.create();
  await story.rest();
  expect(story.home(id)).not.toBe(back);
  expect(story.world.state.node(back)?.snapshot.context.flaps).toHaveLength(1);
});
