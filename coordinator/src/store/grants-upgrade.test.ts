import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../runtime/system-clock.ts";
import { migrateDatabase } from "./migrate-database.ts";
import { silentLog } from "./store-log.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";
import { CLUSTER_ID, NODE_1_ID, TestFleet } from "./test-fleet.ts";

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database.drop());

const CONTAINER_ID = "00000000-0000-4000-8000-000000000101";
const GAMES_ID = "00000000-0000-4000-8000-000000000002";

test("tokens keep their roles, and events of before get the clusters of their node and their container", async () => {
  const { orm } = database.database;
  const sql = <Row extends object>(text: string, params: unknown[] = []): Promise<Row[]> =>
    orm.em.fork().execute<Row[]>(text, params);
  await new TestFleet(orm, systemClock).seed();
  await orm.migrator.down({ to: "migration-20261130063800-egg-origins" });
  await sql(
    `insert into container (id, name, egg_id, ha, desired, status, node_id, preferred_cluster_id, cpu_millis, memory_bytes, disk_bytes,
                            spec, environment, created_at)
     values (?, 'arena', 'hello-http', true, 'running', 'running', ?, ?, 1, 1, 1, '{}', '{}', now())`,
    [CONTAINER_ID, NODE_1_ID, GAMES_ID],
  );
  await sql("insert into api_token (token_hash, name, role, created_at) values ('h', 'ci', 'operator', now())");
  for (const [sequence, nodeId, containerId, data] of [
    [1, NODE_1_ID, null, "{}"],
    [2, null, CONTAINER_ID, "{}"],
    [3, null, null, `{"clusterId":"${GAMES_ID}"}`],
    [4, null, null, "{}"],
  ]) {
    await sql(
      `insert into event (sequence, at, type, severity, message, node_id, container_id, data)
       values (?, now(), 'x', 'info', 'm', ?, ?, ?::jsonb)`,
      [sequence, nodeId, containerId, data],
    );
  }
  const ran = await migrateDatabase(database.url, silentLog);
  expect(ran).toEqual(expect.arrayContaining(["migration-20261130124000-grants", "migration-20261130130500-roles"]));
  const tokens = await sql("select name, role from api_token");
  expect(tokens).toEqual([{ name: "ci", role: "operator" }]);
  const events = await sql<{ clusters: string[] }>(
    "select array(select unnest(cluster_ids)::text order by 1) as clusters from event order by sequence",
  );
  expect(events.map(({ clusters }) => clusters)).toEqual([[CLUSTER_ID], [CLUSTER_ID, GAMES_ID], [GAMES_ID], []]);
});
