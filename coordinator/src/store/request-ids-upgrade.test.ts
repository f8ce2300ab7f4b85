import { afterEach, beforeEach, expect, test } from "vitest";
import { PostgresDecisionStore } from "./decisions/postgres-decision-store.ts";
import { migrateDatabase } from "./migrate-database.ts";
import { silentLog } from "./store-log.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database.drop());

const ID = "00000000-0000-4000-8000-000000000101";

test("what was stored before ids were kept names no request, and a command that waits is still sent", async () => {
  const { orm } = database.database;
  const sql = <Row extends object>(text: string): Promise<Row[]> => orm.em.fork().execute<Row[]>(text);
  await orm.migrator.down({ to: "migration-20261201034800-job-logs" });
  await sql(
    `insert into outbox (command_id, position, node_id, container_id, ordinal, term, session, epoch, timeout_ms, action, state, created_at)
     values ('${ID}', 1, '${ID}', '${ID}', 1, 1, 1, 1, 1000, '{"kind":"stop","graceMs":0}', 'pending', now())`,
  );
  await sql(
    `insert into event (sequence, at, type, severity, message, data) values (1, now(), 'x', 'info', 'm', '{}');
     insert into job (id, container_id, container_name, kind, requested_by, state, created_at)
     values ('${ID}', '${ID}', 'web', 'stop', 'user:ann', 'running', now())`,
  );
  expect(await migrateDatabase(database.url, silentLog)).toEqual(["migration-20261201101846-request-ids"]);
  expect(await sql("select request_id from event union all select request_id from job")).toEqual([
    { request_id: "" },
    { request_id: "" },
  ]);
  const { pending } = await new PostgresDecisionStore(database.database).load();
  expect(pending.map(({ command }) => [command.commandId, command.requestId])).toEqual([[ID, ""]]);
});
