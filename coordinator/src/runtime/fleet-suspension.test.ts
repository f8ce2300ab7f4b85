import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import { containersById } from "../store/read-model/container-readings.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

let rig: FleetRig;
afterEach(() => rig.close());

const status = (id: string) => {
  const container = rig.runtime().state.container(id);
  return container && containerStatus(container.snapshot);
};
const row = async (id: string) => (await containersById(rig.database.database.orm.em.fork(), [id])).get(id)?.row;

const jobs = async (kind: string) => {
  const found = await rig.database.database.orm.em
    .fork()
    .execute<{ state: string }[]>("select state from job where kind = ? order by created_at, id", [kind]);
  return found.map(({ state }) => state);
};

async function running(): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web"), "test");
  await rig.settle();
  expect(status(containerId)).toBe("running");
  return containerId;
}

test("a suspended container is stopped, and nothing starts it: no wish, no crash, no death of its node, no restart of the coordinator", async () => {
  rig = await fleetRig(3);
  const id = await running();
  await rig.runtime().operations.suspend({ containerId: id, reason: "unpaid", by: "user:ann" });
  await rig.settle();
  expect(status(id)).toBe("stopped");
  expect((await row(id))?.suspension).toMatchObject({ by: "user:ann", reason: "unpaid" });
  const refused = { code: "suspended", message: "web is suspended by user:ann: unpaid" };
  await expect(rig.runtime().operations.setDesired(id, "running", "owner")).rejects.toMatchObject(refused);
  await expect(rig.runtime().operations.restart(id, "owner")).rejects.toMatchObject(refused);
  await rig.restart();
  rig.agents.powerOff(rig.nodeIds[0] ?? "");
  await rig.pass(20_000);
  await expect(rig.runtime().operations.setDesired(id, "running", "owner")).rejects.toMatchObject(refused);
  expect(status(id)).toBe("stopped");
  expect(rig.agents.log.filter((line) => line.startsWith("start"))).toHaveLength(1);
});

test("once it is lifted it stays stopped, and may be started again", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const { operations } = rig.runtime();
  await operations.suspend({ containerId: id, reason: "unpaid", by: "ann" });
  await rig.settle();
  await operations.unsuspend(id, "ann");
  await operations.unsuspend(id, "ann");
  await rig.settle();
  expect([status(id), (await row(id))?.suspension]).toEqual(["stopped", null]);
  await operations.setDesired(id, "running", "owner");
  await rig.settle();
  expect(status(id)).toBe("running");
});

test("one that is stopped already is suspended as well, has its reason changed, and may be deleted", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const { operations } = rig.runtime();
  await operations.setDesired(id, "stopped", "owner");
  await rig.settle();
  for (const reason of ["unpaid", "still unpaid"]) await operations.suspend({ containerId: id, reason, by: "ann" });
  expect((await row(id))?.suspension).toMatchObject({ reason: "still unpaid" });
  expect(await jobs("suspend")).toEqual(["succeeded", "succeeded"]);
  await operations.setDesired(id, "removed", "owner");
  await rig.settle();
  expect(await row(id)).toBeUndefined();
});

test("its install script does not run again while it is suspended, and one that runs is ended", async () => {
  rig = await fleetRig(1);
  const install = { image: "installer", entrypoint: "sh", script: "true", timeoutMs: 1_800_000 };
  const equipment = { volume: "data", readyLines: [], install, configFiles: [] };
  const volumes = [{ name: "data", path: "/data", kind: "local" as const }];
  const { operations } = rig.runtime();
  const wish = haContainer("world", { ha: false }, { volumes, equipment });
  const { containerId: id } = await operations.createContainer(wish, "owner");
  await rig.settle();
  await operations.setDesired(id, "stopped", "owner");
  await rig.settle();
  rig.agents.swallowing = (_, { action }) => action.kind === "install";
  await operations.reinstall(id, "owner");
  const epoch = rig.runtime().state.container(id)?.snapshot.context.lastEpoch;
  await operations.suspend({ containerId: id, reason: "unpaid", by: "ann" });
  await rig.settle();
  expect(rig.agents.log.at(-1)).toBe(`stop @${epoch} on ${rig.nodeIds[0]}`);
  expect(rig.runtime().state.container(id)?.snapshot.value.life).toBe("stopped");
  const ended = await rig.database.database.orm.em
    .fork()
    .execute("select kind, state, error from job where kind in ('reinstall', 'suspend') order by kind");
  expect(ended).toMatchObject([
    { kind: "reinstall", state: "failed", error: "it was ended: the container was suspended" },
    { kind: "suspend", state: "succeeded" },
  ]);
  const refused = { code: "suspended", message: "world is suspended by ann: unpaid" };
  await expect(operations.reinstall(id, "owner")).rejects.toMatchObject(refused);
  expect(rig.agents.log.filter((line) => line.startsWith("install"))).toEqual([]);
});

test("a suspension that is lifted while it still stops has failed by that, and its copy stops all the same", async () => {
  rig = await fleetRig(2);
  const id = await running();
  rig.agents.swallowing = (_, { action }) => action.kind === "stop";
  const { operations } = rig.runtime();
  await operations.suspend({ containerId: id, reason: "unpaid", by: "ann" });
  await operations.suspend({ containerId: id, reason: "still unpaid", by: "ann" });
  expect(await jobs("suspend")).toEqual(["running", "running"]);
  await operations.unsuspend(id, "ann");
  expect([await jobs("suspend"), await jobs("unsuspend")]).toEqual([["failed", "failed"], ["succeeded"]]);
  expect(status(id)).toBe("stopping");
});

test("while it is being moved it cannot be suspended", async () => {
  rig = await fleetRig(2);
  const id = await running();
  rig.agents.swallowing = (_, { action }) => action.kind === "prepare";
  await rig.runtime().operations.migrate(id, null, "ann");
  await rig.settle();
  const wish = { containerId: id, reason: "unpaid", by: "ann" };
  await expect(rig.runtime().operations.suspend(wish)).rejects.toMatchObject({ code: "migration_in_progress" });
  expect((await row(id))?.suspension).toBeNull();
});
