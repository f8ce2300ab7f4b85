import fc from "fast-check";
import { expect, test } from "vitest";
import { FleetState } from "./fleet-state.ts";
import type { NodeRecord } from "./fleet-view.ts";
import { ManualClock } from "./manual-clock.ts";
import { withHolding } from "./node-room.ts";
import { PAUSE_MS, slice, WhatIfBoard } from "./what-if-board.ts";
import { MigrationStory } from "./world/migration-story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a slice ends with the piece of work that brings it to its bound, and not before", () => {
  const pieces = [40, 59, 1, 500, 1];
  const work = pieces.values();
  expect(slice(work, 100), "40 and 59 are less than 100").toBe(false);
  expect(slice(work, 100), "one piece may be more than a slice").toBe(false);
  expect(slice(work, 100)).toBe(true);
  const exactly = [100].values();
  expect(slice(exactly, 100)).toBe(false);
  expect(slice(exactly, 100), "nothing was left but to say so").toBe(true);
});

/** A clock that counts how often it was asked to wait. */
class CountingClock extends ManualClock {
  waits = 0;

  override schedule(delayMs: number, callback: () => void): () => void {
    this.waits += 1;
    return super.schedule(delayMs, callback);
  }
}

async function story(): Promise<MigrationStory> {
  const told = await new MigrationStory(4).begin();
  for (let made = 0; made < 6; made++) await told.create();
  await told.rest();
  return told;
}

test("between two slices others have their turn, and the forecast is the one that is made at once", async () => {
  const { state } = (await story()).world;
  const clock = new CountingClock();
  const atOnce = await new WhatIfBoard(state, clock).all();
  expect(clock.waits).toBe(0);
  expect(atOnce.nodes.map(({ nodeName }) => nodeName)).toEqual(["node-1", "node-2", "node-3", "node-4"]);
  expect(atOnce.nodes.reduce((sum, { containers }) => sum + containers, 0)).toBe(7);

  const sliced = new WhatIfBoard(state, clock, 1);
  let forecast: Awaited<typeof atOnce> | null = null;
  void sliced.all().then((all) => {
    forecast = all;
  });
  for (let pieces = 0; forecast === null && pieces < 100; pieces++) await clock.advance(PAUSE_MS, turn);
  expect(forecast).toEqual(atOnce);
  // A piece is one container, or one node with what is to be placed of it.
  expect(clock.waits).toBeGreaterThanOrEqual(4 + 7);
});

test("a forecast that was overtaken says as of when it is, and one that was not is of the moment in which it is asked for", async () => {
  const { world, ...told } = await story();
  const clock = new ManualClock();
  const board = new WhatIfBoard(world.state, clock, 1);
  const beganMs = clock.wallMs();
  const asked = board.all();
  const shared = board.all();
  await clock.advance(PAUSE_MS, turn);
  const node = world.state.node("node-4");
  if (!node) return expect.fail("there is no node-4");
  world.state.applyNode({ ...node, facts: { ...node.facts, schedulable: false } });
  await clock.advance(100 * PAUSE_MS, turn);
  expect((await asked).asOfMs).toBe(beganMs);
  expect(await shared).toBe(await asked);

  const again = board.all();
  await clock.advance(100 * PAUSE_MS, turn);
  const { nodes } = await again;
  await clock.advance(5_000, turn);
  expect(await board.all()).toEqual({ asOfMs: clock.wallMs(), nodes });
  expect((await board.all()).nodes).toBe(nodes);
  void told;
});

test("what decides neither on placement nor on a death lets the forecast be as it is", async () => {
  const told = await story();
  const { state } = told.world;
  const { version } = state;
  const node = state.node("node-1");
  const container = state.container(told.id);
  if (!node || !container) return expect.fail("the story has no node-1");
  state.applyNode({ ...node, facts: { ...node.facts, address: "10.0.0.9", agentVersion: "2" } });
  state.applyContainer(told.id, { ...container, facts: { ...container.facts, environment: { A: "1" } } });
  expect(state.version).toBe(version);
  state.applyNode({ ...node, facts: { ...node.facts, priority: 3 } });
  expect(state.version).toBe(version + 1);
  state.applyNode({ ...node, facts: { ...node.facts, priority: 3, labels: { rack: "b" } } });
  expect(state.version).toBe(version + 2);
  const { snapshot } = container;
  const stopped = { ...snapshot, context: { ...snapshot.context, desired: "stopped" as const } };
  state.applyContainer(told.id, { ...container, snapshot: stopped as typeof snapshot });
  expect(state.version).toBe(version + 3);
});

const NODES = 4;

const change = fc.oneof(
  fc.record({ kind: fc.constant("room" as const), node: fc.nat(NODES - 1), guest: fc.nat(5), cpu: fc.nat(1_900) }),
  fc.record({ kind: fc.constant("free" as const), node: fc.nat(NODES - 1), guest: fc.nat(5) }),
  fc.record({
    kind: fc.constant("facts" as const),
    node: fc.nat(NODES - 1),
    facts: fc.record(
      {
        schedulable: fc.boolean(),
        guarded: fc.boolean(),
        priority: fc.constantFrom(9, 10, 11),
        name: fc.constant("aaa"),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ kind: fc.constant("desired" as const), container: fc.nat(7), running: fc.boolean() }),
  fc.record({ kind: fc.constant("node" as const), node: fc.nat(NODES - 1), there: fc.boolean() }),
  fc.record({ kind: fc.constant("policy" as const), autoMigrate: fc.boolean() }),
);

test("whatever has changed, what is taken over and what is computed anew make the forecast that all of it anew makes", async () => {
  const told = await new MigrationStory(NODES).begin();
  for (const cpuMillis of [300, 500, 700, 900, 400, 200, 100]) {
    await told.create({ resources: { cpuMillis, memoryBytes: 10, diskBytes: 0 } });
  }
  await told.rest();
  const { state: first } = told.world;
  let [anew, all, without] = [0, 0, 0];
  const run = async (
    batches: (typeof change extends fc.Arbitrary<infer Change> ? Change : never)[][],
  ): Promise<void> => {
    const state = new FleetState();
    for (const cluster of first.clusters()) state.applyCluster(cluster);
    for (const node of first.nodes()) state.applyNode(node);
    for (const container of first.containers()) state.applyContainer(container.facts.id, container);
    for (const { facts } of first.nodes()) state.applyRoom(facts.id, first.room(facts.id));
    const clock = new ManualClock();
    const board = new WhatIfBoard(state, clock);
    const compare = async (): Promise<void> => {
      const fresh = new WhatIfBoard(state, clock);
      const forecast = await board.all();
      expect(forecast).toEqual(await fresh.all());
      anew += board.anew;
      all += fresh.anew;
      without += forecast.nodes.reduce((sum, node) => sum + node.withoutPlace.length, 0);
    };
    await compare();
    for (const batch of batches) {
      for (const one of batch) apply(state, first, one);
      await compare();
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 10 }), run), {
    numRuns: 200,
  });
  expect(anew).toBeLessThan(all * 0.9);
  expect(without).toBeGreaterThan(100);
});

function apply(
  state: FleetState,
  first: FleetState,
  one: typeof change extends fc.Arbitrary<infer T> ? T : never,
): void {
  if (one.kind === "policy") {
    for (const cluster of first.clusters()) state.applyCluster({ ...cluster, autoMigrate: one.autoMigrate });
    return;
  }
  if (one.kind === "desired") {
    const container = [...first.containers()][one.container];
    if (!container) return;
    const { snapshot } = container;
    const desired = one.running ? "running" : "stopped";
    const changed = { ...snapshot, context: { ...snapshot.context, desired } };
    state.applyContainer(container.facts.id, { ...container, snapshot: changed as typeof snapshot });
    return;
  }
  const original = [...first.nodes()][one.node] as NodeRecord;
  const { id } = original.facts;
  const node = state.node(id);
  if (one.kind === "node") {
    if (!one.there) return state.removeNode(id);
    if (node) return;
    state.applyNode(original);
    state.applyRoom(id, first.room(id));
    return;
  }
  if (!node) return;
  if (one.kind === "facts") {
    // No two nodes have the same name.
    const named = one.facts.name === undefined ? {} : { name: `${one.facts.name}-${one.node}` };
    state.applyNode({ ...node, facts: { ...node.facts, ...one.facts, ...named } as NodeRecord["facts"] });
    return;
  }
  const resources = { cpuMillis: one.kind === "room" ? one.cpu : 0, memoryBytes: 1, diskBytes: 0 };
  const holding = one.kind === "room" ? { resources, ports: [] } : null;
  state.applyRoom(id, withHolding(state.room(id), `guest-${one.guest}`, holding));
}
