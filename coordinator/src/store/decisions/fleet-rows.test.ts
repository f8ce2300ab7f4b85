import { afterEach, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { readFleetRows } from "./fleet-rows.ts";

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database.drop());

const sql = (text: string) => database.database.orm.em.fork().execute(text);
const uuid = (number: string) => `lpad(to_hex(${number}), 32, '0')::uuid`;

test.each([4_999, 5_000, 5_001, 10_000, 12_345])(
  "of %i rows a fleet is read with every one once, in order",
  async (count) => {
    // Two hosts a port, and several ports a host: what keys of more than one column are told apart by.
    await sql(
      `insert into port_reservation (node_id, protocol, host_port, container_id, name, container_port)
     select ${uuid("n % 7")}, case when n % 2 = 0 then 'tcp' else 'udp' end, n, ${uuid("n")}, 'http', 80
       from generate_series(1, ${count}) as n`,
    );
    await sql(
      `insert into reservation (container_id, node_id, cpu_millis, memory_bytes, disk_bytes)
     select ${uuid("n / 2")}, ${uuid("n % 2")}, n, n, n from generate_series(1, ${count}) as n`,
    );
    await sql(
      `insert into actor_snapshot (kind, id, machine_version, snapshot, updated_at)
     select case when n % 3 = 0 then 'node' when n % 3 = 1 then 'duty' else 'container' end, ${uuid("n")}, 1, '{"value":"x"}', now()
       from generate_series(1, ${count}) as n`,
    );
    const rows = await database.database.orm.em.fork().transactional((em) => readFleetRows(em));
    const ports = rows.ports.map(({ nodeId, protocol, hostPort }) => `${nodeId} ${protocol} ${hostPort}`);
    expect([ports.length, new Set(ports).size]).toEqual([count, count]);
    const held = rows.reservations.map(({ containerId, nodeId }) => `${containerId} ${nodeId}`);
    expect([held.length, new Set(held).size]).toEqual([count, count]);
    expect(rows.reservations.reduce((sum, { cpuMillis }) => sum + cpuMillis, 0)).toBe((count * (count + 1)) / 2);
    expect(new Set(rows.snapshots.map(({ kind, id }) => `${kind} ${id}`)).size).toBe(count);
    expect(rows.snapshots[0]?.snapshot).toEqual({ value: "x" });
  },
);

test("what is over is not read: commands that were answered, alerts that are resolved", async () => {
  await sql(
    `insert into outbox (command_id, position, node_id, container_id, ordinal, term, session, epoch, timeout_ms, action, state, created_at)
     select ${uuid("n")}, n, ${uuid("1")}, ${uuid("n")}, 1, 1, 1, 1, 1000, '{"kind":"stop","graceMs":0}',
            case when n % 2 = 0 then 'pending' else 'done' end, now() from generate_series(1, 10) as n`,
  );
  const rows = await database.database.orm.em.fork().transactional((em) => readFleetRows(em));
  expect(rows.pending.map(({ position }) => position)).toEqual([2, 4, 6, 8, 10]);
  expect([rows.newestPosition, rows.newestSequence, rows.alerts]).toEqual([10, 0, []]);
});
