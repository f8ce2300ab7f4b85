import { afterEach, expect, test } from "vitest";
import { NO_DEMANDS, readDemands } from "../domain/placement/node-demands.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";
import type { FleetView } from "./fleet-view.ts";

let rig: FleetRig;
afterEach(() => rig.close());

/** A container that fills a node. */
function filling(name: string) {
  const node = rig.runtime().state.node(rig.nodeIds[0] ?? "") ?? expect.fail("no node");
  return haContainer(name, { resources: node.facts.capacity });
}
const placeIn = (fleet: FleetView, name: string) =>
  fleet.containerByName(name)?.snapshot.context.placement?.nodeId ?? null;
const foretell = (name: string) =>
  rig.runtime().foretell(
    ({ operations }) => operations.createContainer(filling(name), "test"),
    (fleet) => placeIn(fleet, name),
  );

test("of wishes that come together, those that are only foretold take no room from those that are granted", async () => {
  rig = await fleetRig(1);
  const { state, operations } = rig.runtime();
  const [before, granted, after] = await Promise.all([
    foretell("first"),
    operations.createContainer(filling("second"), "test"),
    foretell("third"),
  ]);
  const [nodeId] = rig.nodeIds;
  // Each is foretold on the fleet as it is at its turn: ahead of the one that is granted there is room, behind it there is none.
  expect([before.seen, after.seen]).toEqual([nodeId, null]);
  expect(state.container(granted.containerId)?.snapshot.context.placement?.nodeId).toBe(nodeId);
  expect([...state.containers()].map(({ facts }) => facts.name)).toEqual(["second"]);
});

test("what waits has its turn in what is foretold, as it would have in what is done", async () => {
  rig = await fleetRig(1);
  const { operations, operators, state, foretell: ask } = rig.runtime();
  const read = readDemands({ constraints: ["zone=east"] });
  const demands = { ...NO_DEMANDS, ...(read.ok ? read.demands : expect.fail(read.reason)) };
  await operations.createContainer(haContainer("waits", { demands }), "test");
  const [nodeId = ""] = rig.nodeIds;
  const change = { labels: { set: { zone: "east" }, remove: [] } };
  const { seen } = await ask(
    (wishes) => wishes.operators.update(nodeId, change, "test"),
    (fleet) => placeIn(fleet, "waits"),
  );
  expect([seen, placeIn(state, "waits"), state.node(nodeId)?.facts.labels]).toEqual([nodeId, null, {}]);
  await operators.update(nodeId, change, "test");
  expect(placeIn(state, "waits")).toBe(nodeId);
});
