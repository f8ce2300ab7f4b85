import type { EntityName } from "@mikro-orm/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../runtime/system-clock.ts";
import { EventEntity } from "../entities/decision-entities.ts";
import { ClusterEntity, NodeEntity, NodeHealthEntity } from "../entities/fleet-entities.ts";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { NODE_2_ID, TestFleet } from "../test-fleet.ts";
import { readRows } from "./read-rows.ts";
import { readSnapshot, type Snapshot } from "./snapshot.ts";

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
  const { orm } = database.database;
  await new TestFleet(orm, systemClock).seed();
  const em = orm.em.fork();
  em.create(EventEntity, {
    ...{ sequence: 2 ** 40, at: new Date(5), type: "node.healthy", severity: "info", message: "it's well" },
    ...{ nodeId: NODE_2_ID, containerId: null, migrationId: null, data: { deep: [1, { two: "3" }] } },
  });
  await em.flush();
});
afterEach(() => database.drop());

const look = <T>(read: (snapshot: Snapshot) => Promise<T>) => readSnapshot(database.database.orm, read);

/** The same rows twice: plain, and as MikroORM's entities, whose prototype is not compared. */
const both =
  <Row extends object>(entity: EntityName<Row>) =>
  async (snapshot: Snapshot): Promise<object[][]> => {
    const entities = await snapshot.em.find(entity, {}, { disableIdentityMap: true });
    return [await readRows(snapshot, entity, {}), entities.map((row) => ({ ...row }))];
  };

test.each([
  ["clusters", both(ClusterEntity)],
  ["nodes", both(NodeEntity)],
  ["health", both(NodeHealthEntity)],
  ["events", both(EventEntity)],
])("rows have the values and the types that entities have: %s", async (_, read) => {
  const [plain = [], entities] = await look(read);
  expect(plain.length).toBeGreaterThan(0);
  expect(plain).toEqual(entities);
});

test("rows come in the order and the number that is asked for, with the columns that are", async () => {
  const rows = await look((snapshot) =>
    readRows(snapshot, NodeEntity, { name: { $gt: "" } }, { orderBy: { name: "desc" }, limit: 1, fields: ["name"] }),
  );
  expect(rows.map(({ name }) => name)).toEqual(["node-2"]);
  expect(rows[0]).not.toHaveProperty("runtime");
});
