import { expect, test, vi } from "vitest";
import type { ObservedWorkload } from "../../domain/workload.ts";
import { MigrationStory } from "./migration-story.ts";

async function running() {
  const story = await new MigrationStory().begin({});
  const id = await story.create();
  await story.rest();
  const { world } = story;
  const node = world.node(story.home(id) ?? "");
  const copy = node.copies.get(id);
  if (!copy) throw new Error(`${id} does not run on ${node.id}`);
  const decide = vi.spyOn(world, "submit");
  const report = (observed: ObservedWorkload) => world.intake.report(node.id, node.incarnation, observed);
  return { story, id, decide, report, observed: node.observed(id, copy) };
}

test("a report that says what was reported before costs no decision", async () => {
  const { decide, report, observed } = await running();
  await report(observed);
  const before = decide.mock.calls.length;
  for (let time = 0; time < 3; time++) await report(observed);
  expect(decide.mock.calls.length).toBe(before);
});

test("a report is decided on when it says something else, and when the container is no longer as it was", async () => {
  const { story, id, decide, report, observed } = await running();
  await report(observed);
  await report({ ...observed, detail: "something else" });
  expect(decide).toHaveBeenCalledTimes(2);
  await report({ ...observed, epoch: observed.epoch - 1 });
  expect(decide).toHaveBeenCalledTimes(3);
  await report(observed);
  await story.world.operations.restart(id, "test");
  const before = decide.mock.calls.length;
  await report(observed);
  expect(decide.mock.calls.length).toBe(before + 1);
});
