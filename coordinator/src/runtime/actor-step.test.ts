import { expect, test } from "vitest";
import { initialTransition, transition } from "xstate";
import { dutyMachine } from "../domain/maintenance/duty-machine.ts";
import type { NodeEvent } from "../domain/node/node-context.ts";
import { nodeMachine } from "../domain/node/node-machine.ts";
import { actorStart, actorStep } from "./actor-step.ts";

const LIFE: readonly NodeEvent[] = [
  { type: "ENROLLED", at: 1 },
  { type: "HELLO", at: 2 },
  { type: "CONFIRMED", at: 3, session: 1 },
  { type: "HEARTBEATS_MISSING", at: 4, lastHeartbeatAt: 3 },
  { type: "LEASE_OVER", at: 5, lastHeartbeatAt: 3, waitMs: 2 },
  { type: "HELLO", at: 6 },
  { type: "CONFIRMED", at: 7, session: 1 },
  { type: "GOODBYE", at: 8, session: 2, lastHeartbeatAt: 7 },
];

test("a beginning answers what XState's own does, with the actions of its first states", () => {
  const [snapshot, actions] = actorStart(dutyMachine, { id: "n", name: "node" });
  const [expected, wanted] = initialTransition(dutyMachine, { id: "n", name: "node" });
  expect(snapshot.toJSON()).toEqual(expected.toJSON());
  expect(actions.length).toBeGreaterThan(0);
  expect(actions).toEqual(wanted.map(({ type, params }) => ({ type, params })));
});

test("a step answers what XState's own transition answers, event for event", () => {
  let ours = initialTransition(nodeMachine, { id: "n", name: "n" })[0];
  let theirs = ours;
  for (const event of LIFE) {
    const [next, actions] = actorStep(nodeMachine, ours, event);
    const [expected, wanted] = transition(nodeMachine, theirs, event);
    expect(next.toJSON()).toEqual(expected.toJSON());
    expect(actions).toEqual(wanted.map(({ type, params }) => ({ type, params })));
    ours = next;
    theirs = expected;
  }
});

test("an event that changes nothing answers the very snapshot", () => {
  const [snapshot] = initialTransition(nodeMachine, { id: "n", name: "n" });
  const [next, actions] = actorStep(nodeMachine, snapshot, { type: "HEARTBEATS_BACK", at: 1 });
  expect(next).toBe(snapshot);
  expect(actions).toEqual([]);
});
