import { beforeEach, expect, test } from "vitest";
import { initialTransition } from "xstate";
import type { Deadline } from "../domain/container/container-context.ts";
import { containerMachine } from "../domain/container/container-machine.ts";
import { containerInput } from "./container-demand.ts";
import { Deadlines, type DueDeadline } from "./deadlines.ts";
import { haContainer } from "./fleet-rig.ts";
import type { ContainerRecord } from "./fleet-view.ts";
import { ManualClock } from "./manual-clock.ts";

const settle = async () => {};
let clock: ManualClock;
let due: DueDeadline[];
let deadlines: Deadlines;

beforeEach(() => {
  clock = new ManualClock();
  due = [];
  deadlines = new Deadlines(clock, (deadline) => due.push(deadline));
});

/** A container that waits for these moments, given from now. */
function waiting(life: [string, number] | null, move: [string, number] | null = null): ContainerRecord {
  const wish = haContainer("web");
  const [snapshot] = initialTransition(containerMachine, containerInput("id", wish));
  const at = (deadline: [string, number] | null): Deadline | null =>
    deadline && { name: deadline[0], at: clock.wallMs() + deadline[1] };
  const context = { ...snapshot.context, deadline: at(life), moveDeadline: at(move) };
  const { name, eggId, environment, spec } = wish;
  return {
    facts: { id: "id", name, eggId, environment, secretKey: null, owner: "", spec, createdAtMs: 0 },
    snapshot: { ...snapshot, context },
    requestId: "",
  };
}

test("each region's moment comes once, at its time", async () => {
  deadlines.follow(waiting(["start", 1_000], ["stop_source", 400]));
  await clock.advance(399, settle);
  expect(due).toEqual([]);
  await clock.advance(10_000, settle);
  expect(due.map(({ name }) => name)).toEqual(["stop_source", "start"]);
});

test("a moment that is asked for no more, or another one, does not come", async () => {
  deadlines.follow(waiting(["start", 1_000]));
  deadlines.follow(waiting(["restart", 2_000]));
  await clock.advance(1_500, settle);
  expect(due).toEqual([]);
  deadlines.follow(waiting(null));
  await clock.advance(10_000, settle);
  expect(due).toEqual([]);
});

test("asking again for the same moment does not move it, and it does not come twice", async () => {
  const container = waiting(["start", 1_000]);
  deadlines.follow(container);
  await clock.advance(900, settle);
  deadlines.follow(container);
  await clock.advance(10_000, settle);
  expect(due).toHaveLength(1);
});

test("a moment that has passed while nobody watched comes at once", async () => {
  const container = waiting(["start", 1_000]);
  await clock.advance(5_000, settle);
  deadlines.follow(container);
  await clock.advance(0, settle);
  expect(due).toMatchObject([{ containerId: "id", name: "start" }]);
});

test("a wait that a coordinator of another wall clock began lasts no longer than it was meant to", async () => {
  const container = waiting(["restart", 500_000]);
  const { context } = container.snapshot;
  const deadline = context.deadline && { ...context.deadline, lastsMs: 2_000 };
  deadlines.follow({ ...container, snapshot: { ...container.snapshot, context: { ...context, deadline } } });
  await clock.advance(1_999, settle);
  expect(due).toEqual([]);
  await clock.advance(1, settle);
  expect(due).toMatchObject([{ name: "restart", due: deadline?.at }]);
});

test("a container that is forgotten waits for nothing", async () => {
  deadlines.follow(waiting(["start", 1_000], ["stop_source", 400]));
  deadlines.forget("id");
  await clock.advance(10_000, settle);
  deadlines.follow(waiting(["start", 1_000]));
  deadlines.clear();
  await clock.advance(10_000, settle);
  expect(due).toEqual([]);
});
