import { expect, test } from "vitest";
import { FleetOverlay } from "./fleet-overlay.ts";
import { admitNPlusOne, lossesOf } from "./n-plus-one-admission.ts";
import { MigrationStory } from "./world/migration-story.ts";

const MOST = { cpuMillis: 1_950, memoryBytes: 1, diskBytes: 0 };

/** A wish under which something without HA takes nearly all of a node. */
function taken(state: MigrationStory["world"]["state"], nodeId: string): FleetOverlay {
  const wish = new FleetOverlay(state);
  wish.hold("newcomer", nodeId, { resources: MOST, ports: [] });
  return wish;
}

test("with no work to spend, the node on which the wish changes something is judged, and no other", async () => {
  const story = await new MigrationStory(3).begin();
  const { state } = story.world;
  const full = story.home();
  for (const nodeId of story.nodes.filter((id) => id !== full)) {
    const wish = taken(state, nodeId);
    const judged = (weighingsMax: number) => [
      ...lossesOf(wish, { emptied: null, nodes: { was: state, weighingsMax } }).keys(),
    ];
    expect(judged(0)).toEqual([nodeId]);
    expect(judged(Number.POSITIVE_INFINITY)).toEqual([nodeId, full]);
  }
});

test("what was lost before is known of every node that the wish is judged on", async () => {
  const story = await new MigrationStory(2).begin();
  const { state } = story.world;
  const other = story.nodes.find((id) => id !== story.home()) ?? "";
  const wish = taken(state, other);
  expect(admitNPlusOne(state, wish, "the wish")).toEqual([
    expect.stringMatching(new RegExp(`if ${story.home()} dies, web-1 would be without a place`)),
  ]);
  // Once that is so, nothing that comes after it is blamed for it.
  wish.applyTo(state, []);
  const next = new FleetOverlay(state);
  next.hold("another", story.home(), { resources: { ...MOST, cpuMillis: 1 }, ports: [] });
  expect(admitNPlusOne(state, next, "the next wish")).toEqual([]);
});
