import { CLOCK_WINDOW_MS } from "@lormas/lease/clock-rate.ts";
import { afterEach, expect, test } from "vitest";
import type { AlertRecord } from "../domain/alert/alert.ts";
import { containerStatus } from "../domain/container/container-status.ts";
import { listAlerts } from "../store/read-model/alert-readings.ts";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

let rig: FleetRig;
afterEach(() => rig.close());

/** All of them, oldest first. */
const alerts = (): Promise<AlertRecord[]> =>
  readSnapshot(rig.database.database.orm, async (snapshot) => {
    const everything = { resolved: true, subjectId: null, reach: "everything" as const, pageSize: 0, pageToken: "" };
    const { rows } = await listAlerts(snapshot, everything);
    return rows
      .map(({ alert }) => alert)
      .filter(isOurs)
      .sort((a, b) => a.openedAt - b.openedAt || (a.kind < b.kind ? -1 : 1));
  });
const told = async () => (await alerts()).map(({ subject, ...alert }) => ({ ...alert, subjectId: subject.id }));
const events = () =>
  readSnapshot(rig.database.database.orm, async (snapshot) =>
    (await eventsAfter(snapshot, 0n, 1_000)).filter(({ data }) => data["kind"] !== "n_plus_one_lost"),
  );
/** N+1 is another test's matter, and two nodes seldom have it. */
const isOurs = ({ kind }: AlertRecord): boolean => kind !== "n_plus_one_lost";
const unresolved = () => [...rig.runtime().state.unresolvedAlerts()].filter(isOurs);
const status = (id: string) => {
  const container = rig.runtime().state.container(id);
  return container && containerStatus(container.snapshot);
};

async function running(name = "web", change = {}, spec = {}): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer(name, change, spec), "test");
  await rig.settle();
  return containerId;
}

test("a node's death opens one alert, its return resolves it, and its next death opens another", async () => {
  rig = await fleetRig(2);
  const [first = ""] = rig.nodeIds;
  for (let death = 1; death <= 2; death++) {
    rig.agents.powerOff(first);
    await rig.pass(9_000);
    expect((await told()).at(-1)).toMatchObject({ kind: "node_dead", state: "open", subjectId: first, count: 1 });
    await rig.agents.connect(first);
    await rig.settle();
    const all = await alerts();
    expect(all).toHaveLength(death);
    expect(all.every(({ state, resolvedAt }) => state === "resolved" && resolvedAt !== null)).toBe(true);
  }
  const types = (await events()).map(({ type }) => type).filter((type) => type.startsWith("alert."));
  expect(types).toEqual(["alert.opened", "alert.resolved", "alert.opened", "alert.resolved"]);
});

test("a node whose clock runs 5 % fast is named, takes no HA container and votes no more, until it runs right again", async () => {
  rig = await fleetRig(3);
  const [fast = ""] = rig.nodeIds;
  const node = rig.agents.nodes.get(fast) ?? expect.fail("no such node");
  const voters = () =>
    rig
      .runtime()
      .groupOf(rig.clusterId)
      ?.voters.map(({ nodeId }) => nodeId) ?? [];
  expect(voters()).toContain(fast);
  node.clockRate = 1.05;
  await rig.agents.connect(fast);
  // One window may be an accident of the network; the second one in a row is not.
  await rig.pass(4 * CLOCK_WINDOW_MS + 5_000);
  expect(await told()).toMatchObject([{ kind: "clock_rate", severity: "error", state: "open", subjectId: fast }]);
  expect((await told())[0]?.message).toContain("node-1's clock runs more than 2.5 % faster or slower");
  expect(voters()).toHaveLength(2);
  expect(voters()).not.toContain(fast);
  const ids = [await running("a"), await running("b"), await running("c")];
  const places = ids.map((id) => rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId);
  expect(places).not.toContain(fast);

  node.clockRate = 1;
  await rig.agents.connect(fast);
  await rig.pass(3 * CLOCK_WINDOW_MS + 5_000);
  expect(await told()).toMatchObject([{ kind: "clock_rate", state: "resolved" }]);
  expect(voters()).toContain(fast);
}, 60_000);

test("what is wrong once more is counted on the alert that is not resolved yet, also by a coordinator that restarted", async () => {
  rig = await fleetRig(1);
  const raise = (message: string) =>
    rig.runtime().loop.submit((work) =>
      work.raiseAlert({
        kind: "clock_rate",
        severity: "warning",
        subject: { kind: "node", id: rig.nodeIds[0] ?? "" },
        message,
        nextStep: "look at its clock",
      }),
    );
  await raise("its clock is fast");
  await raise("its clock is faster");
  await rig.restart();
  await raise("its clock is fastest");
  expect(await alerts()).toMatchObject([{ message: "its clock is fastest", state: "open", count: 3 }]);
  expect((await events()).filter(({ type }) => type === "alert.opened")).toHaveLength(1);
  await rig.runtime().loop.submit((work) => work.resolveAlert("clock_rate", { id: rig.nodeIds[0] ?? "" }));
  await rig.runtime().loop.submit((work) => work.resolveAlert("clock_rate", { id: rig.nodeIds[0] ?? "" }));
  expect(await alerts()).toMatchObject([{ state: "resolved", count: 3 }]);
  expect((await events()).filter(({ type }) => type === "alert.resolved")).toHaveLength(1);
});

test("a decision that refuses leaves no alert", async () => {
  rig = await fleetRig(1);
  const refused = rig.runtime().loop.submit((work) => {
    work.raiseAlert({
      kind: "clock_rate",
      severity: "warning",
      subject: { kind: "node", id: rig.nodeIds[0] ?? "" },
      message: "m",
      nextStep: "n",
    });
    throw new Error("refused");
  });
  await expect(refused).rejects.toThrow("refused");
  expect(await alerts()).toEqual([]);
  expect(unresolved()).toEqual([]);
});

test("a container that is given up opens an alert, which its next run resolves", async () => {
  rig = await fleetRig(1);
  rig.agents.failing = (_, command) =>
    command.action.kind === "start" ? { code: "start_failed", message: "exit code 1" } : null;
  const id = await running();
  for (let attempt = 1; attempt <= 20 && status(id) !== "failed"; attempt++) {
    await rig.runtime().loop.submit((work) => {
      const deadline = work.container(id)?.snapshot.context.deadline;
      if (deadline) {
        work.tellContainer(id, { type: "DEADLINE", at: work.atMs, name: deadline.name, due: deadline.at });
      }
    });
    await rig.settle();
  }
  expect(status(id)).toBe("failed");
  expect(await told()).toMatchObject([{ kind: "container_failed", state: "open", severity: "error", subjectId: id }]);
  rig.agents.failing = () => null;
  await rig.runtime().operations.setDesired(id, "running", "test");
  await rig.settle();
  expect(status(id)).toBe("running");
  expect(await told()).toMatchObject([{ kind: "container_failed", state: "resolved" }]);
});

test("a planned move that fails opens a warning that ends with the next move, or when somebody takes it on", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const fail = async () => {
    rig.agents.failing = (_, command) =>
      command.action.kind === "prepare" ? { code: "image_unavailable", message: "no such image" } : null;
    await rig.runtime().operations.migrate(id, null, "test");
    await rig.settle();
    rig.agents.failing = () => null;
  };
  await fail();
  expect(status(id)).toBe("running");
  expect(await told()).toMatchObject([{ kind: "migration_failed", state: "open", severity: "warning", subjectId: id }]);
  await rig.runtime().operations.migrate(id, null, "test");
  await rig.settle();
  expect(await told()).toMatchObject([{ kind: "migration_failed", state: "resolved" }]);
  await fail();
  const open = unresolved();
  expect(open).toHaveLength(1);
  await rig.runtime().operators.acknowledgeAlert(open[0]?.id ?? "", "user:eve");
  const takenOn = (await alerts()).filter(({ acknowledgedBy }) => acknowledgedBy === "user:eve");
  expect(takenOn).toMatchObject([{ state: "resolved" }]);
});

test("data that stays on a dead node opens its own alert, which the node's return resolves", async () => {
  rig = await fleetRig(2);
  const volumes = [{ name: "data", path: "/data", kind: "local" as const }];
  const id = await running("db", {}, { volumes });
  const home = rig.runtime().state.container(id)?.snapshot.context.placement?.nodeId ?? "";
  rig.agents.powerOff(home);
  await rig.pass(9_000);
  expect(await told()).toMatchObject([
    { kind: "data_on_dead_node", state: "open", severity: "error", subjectId: id },
    { kind: "node_dead", state: "open", subjectId: home },
  ]);
  await rig.agents.connect(home);
  await rig.settle();
  expect(status(id)).toBe("running");
  expect((await told()).map(({ state }) => state)).toEqual(["resolved", "resolved"]);
});

test("a node that lost its guard opens an alert until it has one again", async () => {
  rig = await fleetRig(1);
  const [id = ""] = rig.nodeIds;
  await rig.agents.connect(id, { guarded: false });
  await rig.agents.connect(id, { guarded: false });
  expect(await told()).toMatchObject([{ kind: "node_unguarded", state: "open", subjectId: id, count: 1 }]);
  await rig.agents.connect(id, { guarded: true });
  expect(await told()).toMatchObject([{ kind: "node_unguarded", state: "resolved" }]);
});

test("an alert is acknowledged once, by whoever came first; one that is over is refused", async () => {
  rig = await fleetRig(2);
  const [first = ""] = rig.nodeIds;
  rig.agents.powerOff(first);
  await rig.pass(9_000);
  const { id = "" } = unresolved()[0] ?? {};
  const { operators } = rig.runtime();
  await operators.acknowledgeAlert(id, "user:eve");
  await operators.acknowledgeAlert(id, "user:mallory");
  expect(await alerts()).toMatchObject([{ state: "acknowledged", acknowledgedBy: "user:eve" }]);
  await rig.agents.connect(first);
  await rig.settle();
  expect(await alerts()).toMatchObject([{ state: "resolved", acknowledgedBy: "user:eve" }]);
  await expect(operators.acknowledgeAlert(id, "user:eve")).rejects.toMatchObject({ code: "not_found" });
});

test("the alerts of a container go with it", async () => {
  rig = await fleetRig(2);
  const id = await running();
  rig.agents.failing = (_, command) =>
    command.action.kind === "prepare" ? { code: "disk_full", message: "full" } : null;
  await rig.runtime().operations.migrate(id, null, "test");
  await rig.settle();
  expect(await told()).toMatchObject([{ state: "open" }]);
  await rig.runtime().operations.setDesired(id, "removed", "test");
  await rig.settle();
  expect(rig.runtime().state.container(id)).toBeUndefined();
  expect(await told()).toMatchObject([{ state: "resolved" }]);
});

test("alerts that open and end within one moment of the clock are alerts of their own", async () => {
  rig = await fleetRig(1);
  const subject = { kind: "node" as const, id: rig.nodeIds[0] ?? "" };
  for (let round = 0; round < 3; round++) {
    await rig.runtime().loop.submit((work) => {
      work.raiseAlert({ kind: "clock_rate", severity: "warning", subject, message: `round ${round}`, nextStep: "n" });
    });
    await rig.runtime().loop.submit((work) => work.resolveAlert("clock_rate", subject));
  }
  expect((await told()).map(({ message, state }) => `${message} ${state}`).sort()).toEqual([
    "round 0 resolved",
    "round 1 resolved",
    "round 2 resolved",
  ]);
});
