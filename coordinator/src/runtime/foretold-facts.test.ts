import { expect, test } from "vitest";
import type { ContainerRecord, FleetView, NodeRecord } from "./fleet-view.ts";
import { sameContainerForPlacement, sameNodeForPlacement } from "./foretold-facts.ts";
import { candidate } from "./place-container.ts";
import { failoverDemands } from "./what-if-view.ts";
import { MigrationStory } from "./world/migration-story.ts";

/** The thing, and the names of its fields that were read. */
function recorded<Thing extends object>(thing: Thing): { readonly thing: Thing; readonly read: Set<keyof Thing> } {
  const read = new Set<keyof Thing>();
  const proxy = new Proxy(thing, {
    get(target, key) {
      // Nothing here has symbols or inherited fields.
      read.add(key as keyof Thing);
      return target[key as keyof Thing];
    },
  });
  return { thing: proxy, read };
}

/** Another value of the same kind, different in everything that it holds. */
function changed(value: unknown): unknown {
  if (typeof value === "string") return `${value}'`;
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  if (value === null || value === undefined) return 1;
  if (Array.isArray(value)) return [...value, 1];
  const entries = Object.entries(value).map(([key, inner]) => [key, changed(inner)] as const);
  return Object.fromEntries(entries.length === 0 ? [["any", "x"]] : entries);
}

async function begun(): Promise<{ fleet: FleetView; node: NodeRecord; container: ContainerRecord }> {
  const told = await new MigrationStory(3).begin();
  await told.create();
  await told.rest();
  const fleet = told.world.state;
  const [container] = fleet.containers();
  const node = fleet.node(container?.snapshot.context.placement?.nodeId ?? "");
  if (!node || !container) return expect.fail("nothing runs");
  return { fleet, node, container };
}

test("every fact of a node that placement or a forecast reads makes placement look again when it changes", async () => {
  const { fleet, node } = await begun();
  const { thing: facts, read } = recorded(node.facts);
  candidate(fleet, { ...node, facts }, "", []);
  failoverDemands(fleet, { ...node, facts });
  expect(read.size).toBeGreaterThan(10);
  read.delete("id"); // Another node.
  expect(sameNodeForPlacement(node, { ...node, facts: { ...node.facts } })).toBe(true);
  for (const key of read) {
    const other = { ...node, facts: { ...node.facts, [key]: changed(node.facts[key]) } };
    expect(sameNodeForPlacement(node, other), key).toBe(false);
  }
});

test("so does every fact of a container that a forecast reads", async () => {
  const { fleet, node, container } = await begun();
  const { thing: context, read } = recorded(container.snapshot.context);
  const watched = { ...container, snapshot: { ...container.snapshot, context } };
  const view = new Proxy(fleet, {
    get: (target, key) => (key === "container" ? () => watched : Reflect.get(target, key).bind(target)),
  });
  expect(failoverDemands(view, node)).toHaveLength(1);
  expect(read.size).toBeGreaterThan(10);
  const withContext = (change: object): ContainerRecord => ({
    ...container,
    snapshot: { ...container.snapshot, context: { ...container.snapshot.context, ...change } },
  });
  expect(sameContainerForPlacement(container, withContext({}))).toBe(true);
  const move = { sourceNodeId: node.facts.id, targetNodeId: "another" };
  for (const key of read) {
    const other = withContext(key === "move" ? { move } : { [key]: changed(container.snapshot.context[key]) });
    expect(sameContainerForPlacement(container, other), key).toBe(false);
  }
});
