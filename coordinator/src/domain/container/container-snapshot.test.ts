import { expect, test } from "vitest";
import { initialTransition } from "xstate";
import { CRASHES_BEFORE_MOVE } from "./command-budget.ts";
import { CONTAINER_MACHINE_VERSION, containerMachine } from "./container-machine.ts";
import { containerSnapshotOf } from "./container-snapshot.ts";

const resources = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1 };
const [fresh] = initialTransition(containerMachine, {
  ...{ id: "1", name: "web", ha: true, resources, ports: [], runtimes: ["exec"], preferredClusterId: null },
  ...{ localData: false, allowDataLoss: false, startBudgetMs: 1_000, stopGraceMs: 1_000, desired: "running" as const },
  ...{ priority: "high" as const, crashesBeforeMove: 5 },
});

test("a snapshot of version 1 is taken up with what it does not say set to what has not happened yet", () => {
  const { priority: _, crashesBeforeMove: __, crashesHere: ___, retry: ____, ...old } = fresh.context;
  const taken = containerSnapshotOf(1, { value: fresh.value, context: { ...old, restarts: 4 } });
  expect(taken?.context).toMatchObject({
    ...{ priority: "normal", crashesBeforeMove: CRASHES_BEFORE_MOVE, crashesHere: 0, retry: null, restarts: 4 },
  });
});

test("one of the present version is taken up as it is, and one of a later version not at all", () => {
  const stored = { value: fresh.value, context: fresh.context };
  expect(containerSnapshotOf(CONTAINER_MACHINE_VERSION, stored)).toBe(stored);
  expect(containerSnapshotOf(CONTAINER_MACHINE_VERSION + 1, stored)).toBeNull();
});
