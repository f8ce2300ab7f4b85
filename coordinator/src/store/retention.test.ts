import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { forgetThePast } from "./retention.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";

const NOW_MS = Date.UTC(2026, 0, 31);
const old = new Date(NOW_MS - 10_000);
const recent = new Date(NOW_MS - 1_000);
const AGE_MS = 5_000;
const RETENTION = {
  ...{ eventsMax: 3, commandsMs: AGE_MS, historyMs: AGE_MS, alertsMs: AGE_MS, tokensMs: AGE_MS },
  ...{ fineUsageMs: AGE_MS, hourlyUsageMs: AGE_MS },
};

let store: TestDatabase;
beforeEach(async () => {
  store = await testDatabase();
});
afterEach(() => store.drop());

const run = (sql: string, parameters: unknown[] = []) => store.database.orm.em.fork().execute(sql, parameters);
const count = async (table: string): Promise<number> =>
  Number((await store.database.orm.em.fork().execute<{ n: string }[]>(`select count(*) as n from ${table}`))[0]?.n);

test("the newest events are kept, and of the others none", async () => {
  for (let sequence = 1; sequence <= 7; sequence++) {
    await run("insert into event (sequence, at, type, severity, message, data) values (?, ?, 't', 'info', '', '{}')", [
      sequence,
      old,
    ]);
  }
  expect(await forgetThePast(store.database, RETENTION, NOW_MS)).toBe(4);
  const kept = await store.database.orm.em
    .fork()
    .execute<{ sequence: string }[]>("select sequence from event order by sequence");
  expect(kept.map((row) => Number(row.sequence))).toEqual([5, 6, 7]);
  expect(await forgetThePast(store.database, RETENTION, NOW_MS)).toBe(0);
});

test("a command that waits for its answer is kept, however old", async () => {
  let position = 0;
  for (const [state, endedAt] of [
    ["pending", null],
    ["done", old],
    ["void", old],
    ["done", recent],
  ]) {
    await run(
      `insert into outbox (command_id, position, node_id, container_id, ordinal, term, session, epoch, timeout_ms, action, state, created_at, ended_at)
       values (?, ?, ?, ?, 1, 1, 1, 1, 1, '{}', ?, ?, ?)`,
      [randomUUID(), ++position, randomUUID(), randomUUID(), state, old, endedAt],
    );
  }
  expect(await forgetThePast(store.database, RETENTION, NOW_MS)).toBe(2);
  expect(await count("outbox")).toBe(2);
});

test("an old migration goes with its steps, one under way stays", async () => {
  for (const endedAt of [old, recent, null]) {
    const id = randomUUID();
    await run(
      `insert into migration (id, container_id, container_name, source_node_id, trigger, outcome, state, started_at, ended_at)
       values (?, ?, 'web', ?, 'auto', 'completed', 'completed', ?, ?)`,
      [id, randomUUID(), randomUUID(), old, endedAt],
    );
    await run("insert into migration_step (migration_id, position, name, started_at) values (?, 1, 'choosing', ?)", [
      id,
      old,
    ]);
  }
  expect(await forgetThePast(store.database, RETENTION, NOW_MS)).toBe(2);
  expect([await count("migration"), await count("migration_step")]).toEqual([2, 2]);
});

test("a resolved alert goes when it is old, one that is still wrong stays however old", async () => {
  for (const [state, resolvedAt] of [
    ["open", null],
    ["acknowledged", null],
    ["resolved", old],
    ["resolved", recent],
  ]) {
    await run(
      `insert into alert (id, kind, severity, subject_kind, subject_id, message, next_step, data, state, opened_at, raised_at, resolved_at)
       values (?, 'node_dead', 'error', 'node', ?, '', '', '{}', ?, ?, ?, ?)`,
      [randomUUID(), randomUUID(), state, old, old, resolvedAt],
    );
  }
  expect(await forgetThePast(store.database, RETENTION, NOW_MS)).toBe(1);
  expect(await count("alert")).toBe(3);
});

test("a token goes long after it was revoked or has expired, and one that is valid stays however old", async () => {
  const tokens: [name: string, revokedAt: Date | null, expiresAt: Date | null][] = [
    ["for ever", null, null],
    ["valid yet", null, new Date(NOW_MS + 1_000)],
    ["revoked lately", recent, null],
    ["revoked", old, null],
    ["expired", null, old],
    ["revoked before its end", old, new Date(NOW_MS + 1_000)],
  ];
  for (const [name, revokedAt, expiresAt] of tokens) {
    await run(
      "insert into api_token (token_hash, name, role, created_at, revoked_at, expires_at) values (?, ?, 'viewer', ?, ?, ?)",
      [name, name, old, revokedAt, expiresAt],
    );
  }
  expect(await forgetThePast(store.database, RETENTION, NOW_MS)).toBe(3);
  const kept = await store.database.orm.em
    .fork()
    .execute<{ name: string }[]>("select name from api_token order by name");
  expect(kept.map(({ name }) => name)).toEqual(["for ever", "revoked lately", "valid yet"]);
});
