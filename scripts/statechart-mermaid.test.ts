import { expect, test } from "vitest";
import { setup } from "xstate";
import { mermaidOf, tableOf } from "./statechart-mermaid.ts";

const machine = setup({ guards: { isHome: () => true } }).createMachine({
  id: "door",
  initial: "open",
  states: {
    open: {
      on: { SHUT: { target: "shut", guard: "isHome" }, PUSH: "shut", LOOK: {}, SLAM: "shut.locked" },
    },
    shut: {
      initial: "free",
      states: { free: { on: { TURN: "locked", BREAK: "#door.gone" } }, locked: { on: { TURN: "free" } } },
      on: { PULL: { target: "open", guard: () => true } },
    },
    gone: { type: "final" },
  },
});

test("a chart is drawn with nested states, named guards and one arrow for two states", () => {
  expect(mermaidOf(machine.root.definition)).toBe(`stateDiagram-v2
  state "open" as door_open
  state "shut" as door_shut {
    state "free" as door_shut_free
    state "locked" as door_shut_locked
    [*] --> door_shut_free
    door_shut_free --> door_shut_locked : TURN
    door_shut_locked --> door_shut_free : TURN
  }
  state "gone" as door_gone
  door_gone --> [*]
  [*] --> door_open
  door_open --> door_shut : SHUT [isHome]<br/>PUSH<br/>SLAM (to locked)
  door_shut --> door_open : PULL [when it applies]
  door_shut --> door_gone : BREAK (from free)`);
});

test("the table has every transition, also those that stay", () => {
  expect(tableOf(machine.root.definition).split("\n")).toEqual([
    "| In | on | when | to |",
    "|---|---|---|---|",
    "| open | SHUT | isHome | shut |",
    "| open | PUSH |  | shut |",
    "| open | LOOK |  | (stays) |",
    "| open | SLAM |  | shut.locked |",
    "| shut | PULL | when it applies | open |",
    "| shut.free | TURN |  | shut.locked |",
    "| shut.free | BREAK |  | gone |",
    "| shut.locked | TURN |  | shut.free |",
  ]);
});
