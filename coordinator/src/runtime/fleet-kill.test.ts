import { afterEach, expect, test } from "vitest";
import { containerStatus } from "../domain/container/container-status.ts";
import { listJobs } from "../store/read-model/job-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import type { OutboundCommand } from "./agent-link.ts";
import { type FleetRig, fleetRig, haContainer } from "./fleet-rig.ts";

let rig: FleetRig;
afterEach(() => rig.close());

const container = (id: string) => rig.runtime().state.container(id);
const status = (id: string) => {
  const one = container(id);
  return one && containerStatus(one.snapshot);
};

async function running(): Promise<string> {
  const { containerId } = await rig.runtime().operations.createContainer(haContainer("web"), "test");
  await rig.settle();
  expect(status(containerId)).toBe("running");
  return containerId;
}

/** Stops hang as long as they have a grace; every stop that came, by its grace. */
function hangInStops(): number[] {
  const graces: number[] = [];
  rig.agents.swallowing = (_, { action }: OutboundCommand) => {
    if (action.kind === "stop") graces.push(action.graceMs);
    return action.kind === "stop" && action.graceMs > 0;
  };
  return graces;
}

const jobs = () =>
  readSnapshot(rig.database.database.orm, async (snapshot) => {
    const filter = { container: null, reach: "everything" as const, activeOnly: false, pageSize: 10, pageToken: "" };
    const { rows } = await listJobs(snapshot, filter);
    return rows.map(
      ({ row: { kind, endedAt, error } }) => `${kind} ${endedAt === null ? "runs" : error || "succeeded"}`,
    );
  });

test("a kill ends what hangs in its stop, and nothing starts it again", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const graces = hangInStops();
  const { operations } = rig.runtime();
  await operations.setDesired(id, "stopped", "ann");
  await rig.settle();
  expect(status(id)).toBe("stopping");
  await operations.kill(id, "ann");
  await rig.settle();
  expect(status(id)).toBe("stopped");
  expect(graces).toEqual([1_000, 0]);
  await rig.pass(60_000);
  expect(status(id)).toBe("stopped");
  expect(rig.agents.log.filter((line) => line.startsWith("start"))).toHaveLength(1);
});

test("a kill gives no grace, also when it has to be repeated, and the next stop has one again", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const graces: number[] = [];
  let fails = 1;
  rig.agents.failing = (_, { action }) => {
    if (action.kind !== "stop") return null;
    graces.push(action.graceMs);
    return fails-- > 0 ? { code: "runtime_error", message: "it does not go" } : null;
  };
  const { operations } = rig.runtime();
  await operations.kill(id, "ann");
  await rig.settle();
  expect(status(id)).toBe("stopping");
  await operations.kill(id, "ann"); // Is being killed already: one more command would end nothing sooner.
  await rig.pass(6_000);
  expect(status(id)).toBe("stopped");
  await operations.kill(id, "ann");
  await rig.settle();
  await operations.setDesired(id, "running", "ann");
  await rig.settle();
  expect(status(id)).toBe("running");
  await operations.setDesired(id, "stopped", "ann");
  await rig.settle();
  expect(graces).toEqual([0, 0, 1_000]);
});

test("a kill ends a restart that hangs", async () => {
  rig = await fleetRig(2);
  const id = await running();
  hangInStops();
  await rig.runtime().operations.restart(id, "ann");
  await rig.settle();
  await rig.runtime().operations.kill(id, "ben");
  await rig.settle();
  expect(status(id)).toBe("stopped");
  expect((await jobs()).toSorted()).toEqual([
    "create succeeded",
    "kill succeeded",
    "restart replaced by a later wish: kill",
  ]);
});

test("a coordinator killed while it kills goes on with it", async () => {
  rig = await fleetRig(2);
  const id = await running();
  const graces: number[] = [];
  let deaf = true;
  rig.agents.swallowing = (_, { action }) => {
    if (action.kind === "stop") graces.push(action.graceMs);
    return action.kind === "stop" && deaf;
  };
  await rig.runtime().operations.kill(id, "ann");
  await rig.settle();
  await rig.restart();
  deaf = false;
  for (const nodeId of rig.nodeIds) await rig.agents.connect(nodeId);
  await rig.settle();
  expect(status(id)).toBe("stopped");
  expect(graces.length).toBeGreaterThan(1);
  expect(new Set(graces)).toEqual(new Set([0]));
});

test("while it is being moved a kill is refused, and names the migration", async () => {
  rig = await fleetRig(2);
  const id = await running();
  rig.agents.swallowing = (_, { action }) => action.kind === "prepare";
  await rig.runtime().operations.migrate(id, null, "ann");
  await rig.settle();
  await expect(rig.runtime().operations.kill(id, "ann")).rejects.toMatchObject({ code: "migration_in_progress" });
});
