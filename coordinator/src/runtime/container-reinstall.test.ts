import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { afterEach, expect, test } from "vitest";
import { installTimeoutMs } from "../domain/container/command-budget.ts";
import { containerStatus, lifeState } from "../domain/container/container-status.ts";
import type { Refusal } from "../domain/refusal.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";
import type { NewContainer } from "./operations.ts";

const DEAD_MS = waitMs(LEASE_PROFILES.default) + 2_400;
const install = { image: "installer", entrypoint: "sh", script: "true", timeoutMs: 1_800_000 };
const equipment = { volume: "data", readyLines: [], install, configFiles: [] };
const volumes = [{ name: "data", path: "/data", kind: "local" as const }];

let rig: FleetRig;
afterEach(() => rig.close());

const container = (id: string) => rig.runtime().state.container(id) ?? expect.fail("it is gone");
const state = (id: string) => lifeState(container(id).snapshot);
const nodeOf = (id: string) => container(id).snapshot.context.placement?.nodeId ?? "";
const operations = () => rig.runtime().operations;
const reinstall = (id: string) => operations().reinstall(id, "user:eve");
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Refusal) => error.code,
  );
const installs = () => rig.agents.log.filter((line) => line.startsWith("install"));
const jobs = async () =>
  rig.database.database.orm.em
    .fork()
    .execute<{ kind: string; state: string; error: string }[]>(
      "select kind, state, error from job where kind = 'reinstall' order by created_at",
    );

async function stopped(change: Partial<NewContainer> = {}, spec = {}): Promise<string> {
  const wish = haContainer("world", { ha: false, ...change }, { volumes, equipment, ...spec });
  const { containerId } = await operations().createContainer(wish, "test");
  await rig.settle();
  await operations().setDesired(containerId, "stopped", "test");
  await rig.settle();
  return containerId;
}

test("a stopped container's script runs again under an epoch of its own, and it stays stopped", async () => {
  rig = await fleetRig(1);
  const id = await stopped();
  const { lastEpoch } = container(id).snapshot.context;
  await reinstall(id);
  expect(state(id)).toBe("installing");
  expect(containerStatus(container(id).snapshot)).toBe("stopped");
  await rig.settle();
  expect(state(id)).toBe("stopped");
  expect(installs()).toEqual([`install @${lastEpoch + 1} on ${nodeOf(id)}`]);
  expect(await jobs()).toMatchObject([{ state: "succeeded" }]);
});

test("one that runs, has no script, is on no node, or is being reinstalled is refused", async () => {
  rig = await fleetRig(1);
  const id = await stopped();
  rig.agents.swallowing = (_, { action }) => action.kind === "install";
  await reinstall(id);
  expect(await refusal(reinstall(id))).toBe("not_stopped");
  const without = await operations().createContainer(haContainer("plain", { desired: "stopped" }), "test");
  expect(await refusal(reinstall(without.containerId))).toBe("no_install_script");
  const never = haContainer("never", { desired: "stopped" }, { volumes, equipment });
  expect(await refusal(reinstall((await operations().createContainer(never, "test")).containerId))).toBe("no_target");
  const running = haContainer("runs", {}, { volumes, equipment });
  const { containerId } = await operations().createContainer(running, "test");
  expect(await refusal(reinstall(containerId))).toBe("not_stopped");
});

test("a script that fails leaves it stopped, and the job says why", async () => {
  rig = await fleetRig(1);
  const id = await stopped();
  rig.agents.failing = (_, { action }) =>
    action.kind === "install" ? { code: "install_failed", message: "exit code 3; its last output: no disk" } : null;
  await reinstall(id);
  await rig.settle();
  expect(state(id)).toBe("stopped");
  expect(await jobs()).toMatchObject([{ state: "failed", error: expect.stringContaining("no disk") }]);
});

test("a start that is wished meanwhile comes after the script", async () => {
  rig = await fleetRig(1);
  const id = await stopped();
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.agents.held = promise;
  await reinstall(id);
  await operations().setDesired(id, "running", "test");
  expect(state(id)).toBe("installing");
  resolve();
  await rig.settle();
  expect(state(id)).toBe("running");
});

test.each(["is not heard of in time", "fails"])(
  "a start that is wished meanwhile comes after a script that %s, once the script is stopped for certain",
  async (outcome) => {
    rig = await fleetRig(1);
    const id = await stopped();
    const swallows = outcome !== "fails";
    rig.agents.swallowing = (_, { action }) => swallows && action.kind === "install";
    rig.agents.failing = (_, { action }) =>
      action.kind === "install" ? { code: "runtime_error", message: "the engine does not answer" } : null;
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.agents.held = promise;
    await reinstall(id);
    const { lastEpoch } = container(id).snapshot.context;
    await operations().setDesired(id, "running", "test");
    resolve();
    if (swallows) await rig.pass(installTimeoutMs(container(id).snapshot.context) + 1_000);
    await rig.settle();
    expect(state(id)).toBe("running");
    expect(rig.agents.log).toContain(`stop @${lastEpoch} on ${nodeOf(id)}`);
    expect(await jobs()).toMatchObject([{ state: "failed" }]);
  },
);

test("the death of its node ends it", async () => {
  rig = await fleetRig(3);
  const id = await stopped();
  rig.agents.swallowing = (_, { action }) => action.kind === "install";
  await reinstall(id);
  rig.agents.powerOff(nodeOf(id));
  await rig.pass(DEAD_MS);
  expect(state(id)).toBe("stopped");
  expect(await jobs()).toMatchObject([{ state: "failed", error: expect.stringContaining("died while it ran") }]);
});

test("a removal ends it", async () => {
  rig = await fleetRig(1);
  const id = await stopped();
  rig.agents.swallowing = (_, { action }) => action.kind === "install";
  await reinstall(id);
  await operations().setDesired(id, "removed", "test");
  await rig.settle();
  expect(rig.runtime().state.container(id)).toBeUndefined();
  expect(await jobs()).toMatchObject([{ state: "failed", error: expect.stringContaining("being removed") }]);
});

test.each([
  ["stop", "stopped", (id: string) => operations().setDesired(id, "stopped", "ann")],
  ["kill", "killed", (id: string) => operations().kill(id, "ann")],
] as const)("a %s ends it and closes its epoch, also where a start was wished meanwhile", async (kind, said, end) => {
  rig = await fleetRig(1);
  const id = await stopped();
  rig.agents.swallowing = (_, { action }) => action.kind === "install";
  for (const isWanted of [false, true]) {
    await reinstall(id);
    if (isWanted) await operations().setDesired(id, "running", "ann");
    const { lastEpoch } = container(id).snapshot.context;
    await end(id);
    await rig.settle();
    expect(state(id)).toBe("stopped");
    expect(rig.agents.log.at(-1)).toBe(`stop @${lastEpoch} on ${nodeOf(id)}`);
    expect((await jobs()).at(-1)).toMatchObject({
      state: "failed",
      error: `it was ended: the container was ${said}`,
    });
    const ends = await rig.database.database.orm.em
      .fork()
      .execute("select state from job where kind = ? order by created_at desc limit 1", [kind]);
    expect(ends).toEqual([{ state: "succeeded" }]);
  }
  // What comes after it begins anew.
  rig.agents.swallowing = () => false;
  await operations().setDesired(id, "running", "ann");
  await rig.settle();
  expect(state(id)).toBe("running");
});

test("a coordinator that is killed while a script runs takes it up again", async () => {
  rig = await fleetRig(1);
  const id = await stopped();
  rig.agents.swallowing = (_, { action }) => action.kind === "install";
  await reinstall(id);
  rig.agents.swallowing = () => false;
  await rig.restart();
  for (const nodeId of rig.nodeIds) await rig.agents.connect(nodeId);
  await rig.settle();
  expect(state(id)).toBe("stopped");
  expect(installs()).toHaveLength(1);
  expect(await jobs()).toMatchObject([{ state: "succeeded" }]);
});
