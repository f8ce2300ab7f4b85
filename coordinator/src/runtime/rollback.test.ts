import { afterEach, expect, test } from "vitest";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

let rig: FleetRig;
afterEach(() => rig.close());

test("a migration that is undone removes no volume: a shared one is in use at the source", async () => {
  rig = await fleetRig(2);
  const volumes = [{ name: "data", path: "/data", kind: "shared" as const }];
  const { operations } = rig.runtime();
  const { containerId } = await operations.createContainer(haContainer("web", {}, { volumes }), "test");
  await rig.settle();
  const source = rig.runtime().state.container(containerId)?.snapshot.context.placement?.nodeId;
  const removed: boolean[] = [];
  rig.agents.failing = (nodeId, { action }) => {
    if (action.kind === "remove") removed.push(action.removeVolumes);
    const fails = nodeId !== source && action.kind === "start";
    return fails ? { code: "start_failed", message: "port in use" } : null;
  };
  await operations.migrate(containerId, null, "test");
  await rig.settle();
  const { context } = rig.runtime().state.container(containerId)?.snapshot ?? expect.fail("it is gone");
  expect(context.move).toBeNull();
  expect(context.placement?.nodeId).toBe(source);
  expect(removed).toEqual([false]);
});
