import { setTimeout as delay } from "node:timers/promises";
import { ContainerStatus, ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { afterAll, describe, expect, test } from "vitest";
import { until } from "../../lab/src/until.ts";
import { copiesOf } from "../fleet/fleet-processes.ts";
import { HostFleet } from "../hosts/host-fleet.ts";

// Real processes, each node on a host (network namespace) of its own, at the profile that ships as the default.
const { leaseMs, killMs } = LEASE_PROFILES.default;
const AWAY_MS = 120_000;
/** Between two looks while containers start: a look costs CPU, which is what they wait for. */
const START_POLL_MS = 500;
/** Between a kill and this test's seeing it: the look itself, on a loaded machine. */
const LOOK_MS = 500;
const NODES = ["node-1", "node-2", "node-3"];
const CONTAINERS = ["web-1", "web-2", "web-3", "web-4", "web-5", "web-6"];

const fleets: HostFleet[] = [];
afterAll(async () => {
  for (const fleet of fleets) await fleet.dispose();
});

/** A fleet in which every node runs some of six HA containers, and every agent knows all three as voters. */
async function servingFleet(coordinatorHost: string): Promise<HostFleet> {
  const fleet = await HostFleet.up(NODES, coordinatorHost);
  fleets.push(fleet);
  // One after the other: what starts at once on two cores, in two fleets, is late for its health check and is moved.
  for (const name of CONTAINERS) await startedOn(fleet, name);
  await until("every agent has journalled a group of three", 60_000, () => {
    return NODES.every((node) => fleet.votersKnownTo(node) === NODES.length);
  });
  return fleet;
}

async function startedOn(fleet: HostFleet, name: string): Promise<void> {
  await fleet.api().containers.createContainer({ name, eggId: "hello-http", type: ContainerType.HA });
  let seen = "";
  const runs = async (): Promise<boolean> => {
    const { container } = await fleet.api().containers.getContainer({ id: name });
    seen = `status ${container?.status} ${container?.statusReason}`;
    return container?.status === ContainerStatus.RUNNING;
  };
  await until(`${name} runs`, 60_000, runs, START_POLL_MS).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${seen}`, { cause: error });
  });
}

/** What runs of the containers on these hosts: process ids, which a restart would change. */
function running(fleet: HostFleet, nodes: readonly string[]): string[] {
  return nodes
    .flatMap((node) => {
      const processes = fleet.processes(node);
      return CONTAINERS.flatMap((name) => copiesOf(processes, name).map(({ pid }) => `${node} ${name} ${pid}`));
    })
    .sort();
}

/** Looks every half second for as long as the control plane is away; the moments at which something else ran. */
async function watchFor(fleet: HostFleet, nodes: readonly string[], forMs: number): Promise<string[]> {
  const before = running(fleet, nodes).join("\n");
  const changes: string[] = [];
  const beganMs = performance.now();
  while (performance.now() - beganMs < forMs) {
    await delay(LOOK_MS);
    const now = running(fleet, nodes).join("\n");
    if (now !== before) changes.push(`after ${Math.round(performance.now() - beganMs)} ms:\n${now}`);
  }
  return changes;
}

async function nothingMoved(fleet: HostFleet, nodes: readonly string[], before: readonly string[]): Promise<void> {
  const seesAll = async (): Promise<boolean> => {
    const { containers } = await fleet.api().containers.listContainers({});
    return containers.filter(({ status }) => status === ContainerStatus.RUNNING).length === CONTAINERS.length;
  };
  await until("the coordinator sees every container running", 60_000, seesAll, START_POLL_MS);
  expect(running(fleet, nodes)).toEqual(before);
  expect((await fleet.api().migrations.listMigrations({})).migrations).toEqual([]);
}

describe.concurrent("the control plane is gone for two minutes", { timeout: 480_000 }, () => {
  test("with three nodes alive no container is stopped, and its return moves none", async () => {
    const fleet = await servingFleet("control");
    const before = running(fleet, NODES);
    expect(before).toHaveLength(CONTAINERS.length);
    fleet.killCoordinator();
    expect(await watchFor(fleet, NODES, AWAY_MS)).toEqual([]);
    await fleet.startCoordinator();
    await nothingMoved(fleet, NODES, before);
  });

  test("and one node of three is cut off as well: its copies alone are killed, within L + K", async () => {
    const fleet = await servingFleet("control");
    const others = ["node-1", "node-2"];
    const before = running(fleet, others);
    expect(running(fleet, ["node-3"]).length).toBeGreaterThan(0);
    fleet.killCoordinator();
    fleet.cut("node-3");
    const cutMs = performance.now();
    const [changes, killedMs] = await Promise.all([
      watchFor(fleet, others, AWAY_MS),
      until("the copies on the node that is cut off are killed", leaseMs + killMs + 10_000, () => {
        return running(fleet, ["node-3"]).length === 0 ? performance.now() - cutMs : undefined;
      }),
    ]);
    expect(changes).toEqual([]);
    expect(killedMs).toBeLessThan(leaseMs + killMs + LOOK_MS);
    expect(running(fleet, others)).toEqual(before);
    expect(running(fleet, ["node-3"])).toEqual([]);
    fleet.heal("node-3");
    await fleet.startCoordinator();
    await until("every container runs once", 60_000, () => {
      return CONTAINERS.every((name) => fleet.copies(name).length === 1);
    });
    expect(running(fleet, others)).toEqual(expect.arrayContaining(before));
  });

  test("because its machine, one of the three nodes, died: what runs on the other two runs on", async () => {
    const fleet = await servingFleet("node-1");
    const others = ["node-2", "node-3"];
    const before = running(fleet, others);
    expect(before.length).toBeGreaterThan(0);
    await fleet.powerOff("node-1");
    expect(await watchFor(fleet, others, AWAY_MS)).toEqual([]);
    expect(running(fleet, others)).toEqual(before);
  });
});
