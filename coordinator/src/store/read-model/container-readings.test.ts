import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Refusal } from "../../domain/refusal.ts";
import { systemClock } from "../../runtime/system-clock.ts";
import { EventEntity } from "../entities/decision-entities.ts";
import { MembershipEpochEntity } from "../entities/fleet-entities.ts";
import { ContainerEntity } from "../entities/workload-entities.ts";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { CLUSTER_ID, NODE_1_ID, NODE_2_ID, TestFleet } from "../test-fleet.ts";
import { containerNamed, containerPage, containersById } from "./container-readings.ts";

let database: TestDatabase;
let fleet: TestFleet;
const em = () => database.database.orm.em.fork();
const idOf = (nth: number) => `00000000-0000-4000-8000-0000000001${String(nth).padStart(2, "0")}`;

async function store(name: string, nth: number, preferredClusterId: string | null = null): Promise<string> {
  const own = em();
  own.create(ContainerEntity, {
    ...{ id: idOf(nth), name, eggId: "alpine", ha: true, desired: "running", status: "unplaced" },
    ...{ preferredClusterId, cpuMillis: 100, memoryBytes: 2 ** 40, diskBytes: 0, spec: { startBudgetMs: 7 } as never },
    ...{ environment: { MOTD: 'it\'s "well" ?' }, createdAt: new Date(5), lastMigrationAt: new Date(6) },
  });
  await own.flush();
  return idOf(nth);
}

beforeEach(async () => {
  database = await testDatabase();
  fleet = new TestFleet(database.database.orm, systemClock);
  await fleet.seed();
});
afterEach(() => database.drop());

const page = (request: Partial<Parameters<typeof containerPage>[1]> = {}) =>
  containerPage(em(), { nodeId: null, reach: "everything", pageSize: 0, pageToken: "", ...request });

test("a container is read with its columns as entities have them, its node, its ports there and what its bound follows from", async () => {
  const id = await store("web", 1);
  await fleet.place(id, NODE_1_ID, 20_001);
  await fleet.reservePort(NODE_1_ID, id, 20_000);
  await fleet.reservePort(NODE_2_ID, id, 20_002); // It is moving there.
  const own = em();
  own.create(MembershipEpochEntity, {
    ...{ epoch: 2, clusterId: CLUSTER_ID, voters: [], policy: LEASE_PROFILES.fast, createdAt: new Date(1) },
  });
  own.create(EventEntity, {
    ...{ sequence: 2 ** 40, at: new Date(5), type: "node.healthy", severity: "info", message: "well" },
    ...{ nodeId: null, containerId: null, migrationId: null, data: {} },
  });
  await own.flush();
  const reading = await containerNamed(em(), "web", "id");
  const entity = await em().findOneOrFail(ContainerEntity, { id }, { disableIdentityMap: true });
  expect(reading.row).toEqual({ ...entity });
  expect(reading).toMatchObject({
    node: { name: "node-1", address: "127.0.1.1", clusterName: "local" },
    ports: [20_000, 20_001].map((hostPort) => ({ name: "http", protocol: "tcp", hostPort })),
    moves: { autoMigrate: true, group: { voterCount: 0, policy: { profile: "fast" } } },
    asOf: 2n ** 40n,
  });
  expect((await containersById(em(), [id, idOf(99)])).get(id)).toEqual(reading);
  expect((await page()).rows).toEqual([reading]);
});

test("one that is nowhere has the bound of the cluster that it prefers, and none without", async () => {
  const [here, nowhere] = [await store("here", 1, CLUSTER_ID), await store("nowhere", 2)];
  const found = await containersById(em(), [here, nowhere]);
  expect(found.get(here)).toMatchObject({ node: null, ports: [], moves: { group: { voterCount: 2 } } });
  expect(found.get(nowhere)).toMatchObject({ node: null, moves: null });
});

test("pages come by name, of one node where that is asked for, and say what they contain also when they are empty", async () => {
  for (const [nth, name] of ["c", "a", "b"].entries()) await store(name, nth);
  await fleet.place(idOf(0), NODE_2_ID, 20_000);
  const first = await page({ pageSize: 2 });
  expect(first.rows.map(({ row }) => row.name)).toEqual(["a", "b"]);
  const second = await page({ pageSize: 2, pageToken: first.nextPageToken });
  expect([second.rows.map(({ row }) => row.name), second.nextPageToken]).toEqual([["c"], ""]);
  expect((await page({ nodeId: NODE_2_ID })).rows.map(({ row }) => row.name)).toEqual(["c"]);
  expect(await page({ nodeId: NODE_1_ID })).toEqual({ rows: [], nextPageToken: "", asOf: 0n });
});

test.each(["web", "we'b?", "00000000-0000-4000-8000-000000000199", "a\u0000b", ""])(
  "a container that is not there is refused by its name: %j",
  async (named) => {
    await store("other", 1);
    await expect(containerNamed(em(), named, "id")).rejects.toThrow(Refusal);
    await expect(containerNamed(em(), named, "id")).rejects.toThrow("There is no container");
  },
);
