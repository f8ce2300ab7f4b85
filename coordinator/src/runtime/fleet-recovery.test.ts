import { afterEach, expect, test, vi } from "vitest";
import { containerStatus, migrationStatus } from "../domain/container/container-status.ts";
import type { Refusal } from "../domain/refusal.ts";
import { PostgresDecisionStore } from "../store/decisions/postgres-decision-store.ts";
import type { DecisionStore } from "./decision-store.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

let rig: FleetRig;
afterEach(() => rig.close());

const record = (id: string) => rig.runtime().state.container(id) ?? expect.fail(`no container ${id}`);
const status = (id: string) => containerStatus(record(id).snapshot);
const nodeOf = (id: string) => record(id).snapshot.context.placement?.nodeId ?? "";
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Refusal) => error.code,
  );

async function running(name = "web"): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer(name), "test");
  await rig.settle();
  expect(status(containerId)).toBe("running");
  return containerId;
}

/** Waits, in real time and at most five seconds, until something of the database has come. */
async function until(holds: () => boolean): Promise<void> {
  await expect.poll(holds, { timeout: 5_000, interval: 5 }).toBe(true);
}

/** Lets time pass until this coordinator leads that term; gives up after so much real time. */
async function leadsWithin(term: number, realMs: number): Promise<void> {
  const leads = async (): Promise<void> => {
    await rig.clock.advance(250, async () => {});
    expect(rig.runtime().leading().term).toBe(term);
  };
  // Whether it may still be missing is for the test to judge, by what it expects next.
  await vi.waitFor(leads, { timeout: realMs, interval: 10 }).catch(() => undefined);
}

/** A store that a test can come between. */
function between(change: (store: DecisionStore) => Partial<DecisionStore>): (store: DecisionStore) => DecisionStore {
  return (store) => {
    const own = change(store);
    return new Proxy(store, {
      get(target, name) {
        const replaced: unknown = Reflect.get(own, name);
        if (replaced !== undefined) return replaced;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };
}

test("a migration whose source dies while it is being cleaned up ends with the source's lease", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const source = nodeOf(id);
  rig.agents.swallowing = (_, command) => command.action.kind === "remove";
  await rig.runtime().operations.migrate(id, null, "test");
  await rig.settle();
  expect(migrationStatus(record(id).snapshot)).toBe("migrating");
  rig.agents.powerOff(source);
  await rig.pass(7_500);
  expect(migrationStatus(record(id).snapshot)).toBe("completed");
  expect(status(id)).toBe("running");
});

test("a node that was unhealthy when the coordinator ended is shown healthy once it is heard", async () => {
  rig = await fleetRig(1);
  const id = await running();
  const node = rig.agents.nodes.get(nodeOf(id)) ?? expect.fail();
  node.attached = false;
  await rig.pass(2_100);
  expect(rig.runtime().state.node(node.nodeId)?.snapshot.value).toBe("unhealthy");
  await rig.restart();
  await rig.agents.connect(node.nodeId);
  await rig.settle();
  expect(rig.runtime().state.node(node.nodeId)?.snapshot.value).toBe("healthy");
  expect(status(id)).toBe("running");
});

test("what waits for an engine is placed when the engine has answered before the next term began", async () => {
  rig = await fleetRig(1);
  const [nodeId = ""] = rig.nodeIds;
  const node = rig.agents.nodes.get(nodeId) ?? expect.fail();
  node.runtimeReady = false;
  await rig.pass(300);
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web"), "test");
  await rig.settle();
  expect(record(containerId).snapshot.context.placement).toBeNull();
  node.runtimeReady = true;
  await rig.restart();
  await rig.pass(600);
  await rig.agents.connect(nodeId);
  await rig.pass(600);
  expect(status(containerId)).toBe("running");
});

test.each(["stored", "lost"])("a commit that fails without saying how is read back: %s", async (fate) => {
  let failing = false;
  rig = await fleetRig(
    1,
    between((store) => ({
      async commit(term, changes) {
        if (!failing || fate === "stored") await store.commit(term, changes);
        if (failing) throw new Error("the connection broke");
      },
    })),
  );
  const [nodeId = ""] = rig.nodeIds;
  failing = true;
  const wish = rig.runtime().operations.createContainer(haContainer("web"), "test");
  expect(await refusal(wish)).toBe("database_unavailable");
  expect(await refusal(rig.runtime().operations.createContainer(haContainer("other"), "test"))).toBe(
    "database_unavailable",
  );
  failing = false;
  await until(() => rig.runtime().databaseReady());
  await rig.settle();
  const web = rig.runtime().state.containerByName("web");
  expect(web && containerStatus(web.snapshot)).toBe(fate === "stored" ? "running" : undefined);
  expect(rig.agents.log).toEqual(fate === "stored" ? [`start @1 on ${nodeId}`] : []);
  await running("after");
});

test("what a recovery reads does not replace what the next term has decided", async () => {
  let failing = false;
  let held: (() => void)[] | null = null;
  rig = await fleetRig(
    1,
    between((store) => ({
      async commit(term, changes) {
        if (failing) throw new Error("the connection broke");
        await store.commit(term, changes);
      },
      async load() {
        const loaded = await store.load();
        if (held) {
          const { promise, resolve } = Promise.withResolvers<void>();
          held.push(resolve);
          await promise;
        }
        return loaded;
      },
    })),
  );
  failing = true;
  const loads: (() => void)[] = [];
  held = loads;
  expect(await refusal(rig.runtime().operations.createContainer(haContainer("web"), "test"))).toBe(
    "database_unavailable",
  );
  failing = false;
  await until(() => loads.length === 1);
  held = null;
  // The recovery is still reading when the lease runs out and this coordinator is elected anew.
  await rig.clock.advance(16_000, async () => {});
  await leadsWithin(2, 500);
  const create = () => rig.runtime().operations.createContainer(haContainer("late"), "test");
  const early = rig.runtime().leading().term === 2 ? await create() : null;
  loads[0]?.();
  await leadsWithin(2, 5_000);
  const { containerId } = early ?? (await create());
  await rig.settle();
  expect(rig.runtime().state.container(containerId)).toBeDefined();
});

test("a snapshot of another machine version fails the start, and says what to do", async () => {
  rig = await fleetRig(1);
  const id = await running();
  await rig.database.database.orm.em
    .fork()
    .execute("update actor_snapshot set machine_version = 99 where id = ?", [id]);
  await expect(rig.restart()).rejects.toThrow(
    /stored actor of web is of machine version 99, this coordinator knows 2: run the version that wrote it/,
  );
  // Another coordinator need not wait for its lease to run out.
  const leadership = await new PostgresDecisionStore(rig.database.database).readLeadership();
  expect(leadership?.holder).toBeNull();
});

test("a decision that another coordinator's takeover refuses deposes this one at once", async () => {
  rig = await fleetRig(1);
  const id = await running();
  const other = new PostgresDecisionStore(rig.database.database);
  const taken = await other.takeLeadership(await other.readLeadership(), "other", 15_000);
  expect(rig.runtime().leading()).toEqual({ leader: true, term: 1 });
  expect(rig.nodeIds.map((nodeId) => rig.agents.beat(nodeId))).toEqual([true]);
  expect(await refusal(rig.runtime().operations.setDesired(id, "stopped", "test"))).toBe("not_leader");
  expect(rig.runtime().leading()).toEqual({ leader: false, term: 0 });
  expect(
    rig.nodeIds.map((nodeId) => rig.agents.beat(nodeId)),
    "grants nothing",
  ).toEqual([false]);
  expect(await refusal(rig.runtime().operations.setDesired(id, "stopped", "test"))).toBe("not_leader");
  expect((await other.readLeadership())?.term).toBe(taken?.term);
  expect((await other.load()).containers.map(({ snapshot }) => containerStatus(snapshot))).toEqual(["running"]);
});
