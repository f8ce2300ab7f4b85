import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import { type DecisionStore, UnstorableChangesError } from "./decision-store.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";
import type { NewContainer } from "./operations.ts";

let rig: FleetRig;
afterEach(() => rig.close());

const record = (id: string) => rig.runtime().state.container(id) ?? expect.fail(`no container ${id}`);
const status = (id: string) => containerStatus(record(id).snapshot);
const nodeOf = (id: string) => record(id).snapshot.context.placement?.nodeId ?? "";
const other = (nodeId: string) => rig.nodeIds.find((id) => id !== nodeId) ?? expect.fail("there is no other node");
/** As the public plane serves a request of that name. */
const asked = <T>(requestId: string, wish: () => Promise<T>): Promise<T> => rig.requests.within(requestId, wish);

async function create(name: string, change: Partial<NewContainer> = {}): Promise<string> {
  const wish = () => rig.runtime().operations.createContainer(haContainer(name, change), "test");
  const { containerId } = await asked(`create-${name}`, wish);
  await rig.settle();
  expect(status(containerId)).toBe("running");
  return containerId;
}

type Row = { readonly what: string; readonly request: string };

/** What is stored of a container since an event, each with the request that it follows from. */
async function stored(containerId: string, since = 0): Promise<Row[]> {
  const text = `
    select type as what, request_id as request from event where container_id = :id and sequence > :since
    union all select 'job ' || kind, request_id from job where container_id = :id and coalesce(events_after, 0) >= :since
    union all select 'command ' || (action ->> 'kind'), request_id from outbox
      where container_id = :id and created_at > coalesce((select at from event where sequence = :since), 'epoch')
    union all select 'migration', request_id from migration
      where container_id = :id and started_at > coalesce((select at from event where sequence = :since), 'epoch')`;
  const params = text.match(/:(id|since)/g)?.map((name) => (name === ":id" ? containerId : since)) ?? [];
  const { em } = rig.database.database.orm;
  return await em.fork().execute<Row[]>(text.replaceAll(/:(id|since)/g, "?"), params);
}

const requests = (rows: readonly Row[]): string[] => [...new Set(rows.map(({ request }) => request))];
const newest = () => Number(rig.runtime().newestSequence());

test("a move carries the id of its request into its job, migration, events and commands, over a restart of the coordinator", async () => {
  rig = await fleetRig(2);
  const id = await create("web");
  expect(requests(await stored(id))).toEqual(["create-web"]);
  await rig.pass(1_000);
  const [source, since] = [nodeOf(id), newest()];
  rig.agents.swallowing = (_, command) => command.action.kind === "stop";
  await asked("move-web-1", () => rig.runtime().operations.migrate(id, other(source), "test"));
  await rig.settle();
  rig.agents.swallowing = () => false;
  await rig.restart();
  for (const nodeId of rig.nodeIds) await rig.agents.connect(nodeId);
  await rig.pass(600);
  expect(nodeOf(id)).toBe(other(source));
  const rows = await stored(id, since);
  expect(rows.map(({ what }) => what)).toEqual(
    expect.arrayContaining([
      ...["job migrate", "migration", "migration.started", "migration.completed"],
      ...["command prepare", "command stop", "command start", "command remove"],
    ]),
  );
  expect(requests(rows)).toEqual(["move-web-1"]);
});

test("a failover has an id of its own, which its node's death and everything that it moves share", async () => {
  rig = await fleetRig(3);
  const first = await create("web");
  const second = await create("db", { resources: { cpuMillis: 200, memoryBytes: 1, diskBytes: 0 } });
  if (nodeOf(second) !== nodeOf(first)) {
    await asked("gather-them", () => rig.runtime().operations.migrate(second, nodeOf(first), "test"));
  }
  await rig.pass(1_000);
  const [victim, since] = [nodeOf(first), newest()];
  rig.agents.powerOff(victim);
  await rig.pass(9_000);
  expect(nodeOf(first)).not.toBe(victim);
  const { em } = rig.database.database.orm;
  const [death] = await em
    .fork()
    .execute<{ request_id: string }[]>("select request_id from event where type = 'node.dead' and node_id = ?", [
      victim,
    ]);
  expect(death?.request_id).toMatch(/^decision-\d+-\d+$/);
  for (const id of [first, second]) {
    const rows = await stored(id, since);
    const moved = rows.filter(({ what }) => /^(migration|command)/.test(what));
    expect(moved.length).toBeGreaterThan(3);
    expect(requests(moved)).toEqual([death?.request_id]);
  }
});

test("what waits for its turn goes on under the request that it waits for, whoever frees the way", async () => {
  rig = await fleetRig(2);
  const ids = [await create("a"), await create("b"), await create("c")];
  await asked("one-by-one", () =>
    rig.runtime().clusters.updateCluster(rig.clusterId, { limits: { migrationsAtOnce: 1 } }, "test"),
  );
  await rig.pass(1_000);
  const on = (nodeId: string) => ids.filter((id) => nodeOf(id) === nodeId);
  const [victim, since] = [rig.nodeIds.find((id) => on(id).length > 1) ?? expect.fail("they are scattered"), newest()];
  const leaving = on(victim);
  await asked("empty-it", () => rig.runtime().operators.drain(victim, "test"));
  await rig.settle();
  expect(rig.runtime().state.node(victim)?.duty.value).toBe("drained");
  for (const id of leaving) expect(requests(await stored(id, since))).toEqual(["empty-it"]);

  // Now nothing is left that could take them: they wait, and another's wish makes room.
  const last = other(victim);
  rig.agents.powerOff(last);
  await rig.pass(9_000);
  const [stranded = ""] = ids;
  const failover = record(stranded).requestId;
  expect(failover).toMatch(/^decision-/);
  const waitsSince = newest();
  await asked("back-in-service", () => rig.runtime().operators.uncordon(victim, "test"));
  await rig.settle();
  expect([status(stranded), nodeOf(stranded)]).toEqual(["running", victim]);
  const moved = (await stored(stranded, waitsSince)).filter(({ what }) => /^(migration|command)/.test(what));
  expect(requests(moved)).toEqual([failover]);

  await rig.pass(1_000);
  const crashSince = newest();
  await rig.agents.crash(victim, stranded);
  await rig.pass(5_000);
  expect(status(stranded)).toBe("running");
  const [restarted, ...more] = requests(await stored(stranded, crashSince));
  expect(more).toEqual([]);
  expect(restarted).toMatch(/^decision-/);
  expect(restarted).not.toBe(failover);
});

test("a second death begins something of its own, though what the first one began was never over", async () => {
  rig = await fleetRig(3);
  const id = await create("web");
  await rig.pass(1_000);
  const home = nodeOf(id);
  const { operators, state } = rig.runtime();
  const others = rig.nodeIds.filter((nodeId) => nodeId !== home);
  for (const nodeId of others) await operators.cordon(nodeId, "test");
  rig.agents.powerOff(home);
  await rig.pass(9_000);
  const first = record(id).requestId;
  expect([status(id), first]).toEqual(["unplaced", expect.stringMatching(/^decision-/)]);

  rig.agents.swallowing = (_, command) => command.action.kind === "start";
  await rig.agents.connect(home);
  await rig.settle();
  for (const nodeId of others) await operators.uncordon(nodeId, "test");
  await rig.settle();
  expect([status(id), nodeOf(id)]).toEqual(["starting", home]);
  rig.agents.swallowing = () => false;
  const since = newest();
  rig.agents.powerOff(home);
  await rig.pass(9_000);
  expect(state.node(home)?.snapshot.value).toBe("dead");
  expect(others).toContain(nodeOf(id));
  const [second, ...more] = requests((await stored(id, since)).filter(({ what }) => /^(migration|command)/.test(what)));
  expect(more).toEqual([]);
  expect(second).toMatch(/^decision-/);
  expect(second).not.toBe(first);
});

test("a death that a request could not bring about is of no request once it is proved", async () => {
  let isUnstorable = false;
  const wrap = (store: DecisionStore): DecisionStore => {
    const commit = store.commit.bind(store);
    return Object.assign(store, {
      commit: (...asked: Parameters<typeof commit>) =>
        isUnstorable ? Promise.reject(new UnstorableChangesError(new Error("no"))) : commit(...asked),
    });
  };
  rig = await fleetRig(3, wrap);
  const [victim = "", peer = ""] = rig.nodeIds;
  for (const nodeId of [victim, peer]) rig.agents.powerOff(nodeId);
  await rig.pass(12_000);
  isUnstorable = true;
  const { clusters } = rig.runtime();
  const wish = () => clusters.overrideSuspension(rig.clusterId, [victim], "it is unplugged", "test");
  await expect(asked("it-is-off", wish)).rejects.toThrow(UnstorableChangesError);
  isUnstorable = false;
  await rig.agents.connect(peer);
  await rig.pass(12_000);
  const { em } = rig.database.database.orm;
  const deaths = await em
    .fork()
    .execute<{ node_id: string; request_id: string }[]>(
      "select node_id, request_id from event where type = 'node.dead'",
    );
  expect(deaths).toEqual([{ node_id: victim, request_id: expect.stringMatching(/^decision-/) }]);
});
