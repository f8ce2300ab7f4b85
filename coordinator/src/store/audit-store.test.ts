import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AuditEntry, NO_OBJECT, SYSTEM_ACTOR } from "../audit/audit-entry.ts";
import { AuditStore, FORGET_ROWS_MAX } from "./audit-store.ts";
import { type AuditFilter, listAuditEntries } from "./read-model/audit-readings.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";

let one: TestDatabase;
let store: AuditStore;
beforeEach(async () => {
  one = await testDatabase();
  store = new AuditStore(one.database.orm);
});
afterEach(() => one.drop());

const entry = (more: Partial<AuditEntry> = {}): AuditEntry => ({
  requestId: "r-1",
  actor: SYSTEM_ACTOR,
  method: "ContainerService/StopContainer",
  permission: "container:stop",
  object: NO_OBJECT,
  decision: "allowed",
  outcome: "",
  reason: "",
  counted: null,
  request: null,
  after: null,
  ...more,
});
const run = <Row>(sql: string, params: unknown[] = []) => one.database.orm.em.fork().execute<Row[]>(sql, params);
const count = async () => (await run<{ n: number }>("select count(*)::int as n from audit_entry"))[0]?.n;
const aged = (days: number, rows = 1) =>
  run(
    `insert into audit_entry (at, decision) select now() - make_interval(days => ?) - interval '1 minute', 'allowed'
       from generate_series(1, ?)`,
    [days, rows],
  );
const everything: AuditFilter = { actor: "", method: "", object: "", decision: "", request: "", from: null, to: null };
const list = (filter: Partial<AuditFilter> & { pageSize?: number; pageToken?: string } = {}) =>
  listAuditEntries(one.database.orm.em.fork(), { ...everything, pageSize: 0, pageToken: "", ...filter });

const TAMPERING = [
  "update audit_entry set reason = 'nothing happened'",
  "delete from audit_entry",
  "truncate audit_entry",
  "merge into audit_entry e using (select 1) one on true when matched then delete",
];

describe("what has been written", () => {
  test.each(TAMPERING)("cannot be undone by the role that the application has: %s", async (sql) => {
    await store.append([entry()]);
    await expect(run(sql)).rejects.toThrow(/permission denied for table audit_entry/);
    expect(await count()).toBe(1);
  });

  test.each(TAMPERING)("cannot be undone by one who has every right on the table either: %s", async (sql) => {
    await store.append([entry()]);
    await run("grant all on audit_entry to current_user");
    await expect(run(sql)).rejects.toThrow(/audit_entry is append-only/);
    expect(await count()).toBe(1);
  });
});

describe("the retention", () => {
  test("lets go what is older than it and nothing younger, and leaves nobody with the right to delete", async () => {
    await aged(400, 2);
    await aged(399);
    await store.append([entry()]);
    expect(await store.forget()).toBe(2);
    expect(await store.forget()).toBe(0);
    expect(await count()).toBe(2);
    await expect(run("delete from audit_entry")).rejects.toThrow(/permission denied/);
  });

  test("deletes in bites", async () => {
    await aged(400, FORGET_ROWS_MAX + 1);
    expect(await store.forget()).toBe(FORGET_ROWS_MAX);
    expect(await store.forget()).toBe(1);
  });

  test("is changed together with an entry that says so, and not below thirty days", async () => {
    await store.setRetention(400);
    expect(await count()).toBe(0);
    await store.setRetention(30);
    await store.setRetention(30);
    const { rows } = await list();
    expect(rows).toMatchObject([{ method: "system/set-audit-retention", before: { days: 400 }, after: { days: 30 } }]);
    await aged(31);
    expect(await store.forget()).toBe(1);
    await expect(store.setRetention(29)).rejects.toThrow(/audit_retention_days_check/);
    expect(await count()).toBe(1);
  });
});

test("an entry and its outcome are one when they are read, and one without is not known to have ended", async () => {
  const object = { kind: "container", id: "", name: "web" } as const;
  const [first = 0, second = 0] = await store.append([entry({ object, request: { id: "web" } }), entry()]);
  expect(second).toBeGreaterThan(first);
  const outcome = { decision: "denied", outcome: "permission_denied", reason: "No.", objectId: "7" } as const;
  await store.append([{ refersTo: first, ...outcome, before: { a: 1 }, after: { a: 2 } }]);
  const { rows } = await list();
  expect(rows.map(({ sequence }) => sequence)).toEqual([second, first]);
  expect(rows[0]).toMatchObject({ outcome: "", decision: "allowed" });
  expect(rows[1]).toMatchObject({
    ...outcome,
    objectName: "web",
    request: { id: "web" },
    before: { a: 1 },
    after: { a: 2 },
  });
  expect(rows[1]?.at).toBeInstanceOf(Date);
});

test("entries are found by actor, method, object, decision and time, in pages that neither repeat nor skip", async () => {
  const ann = { kind: "user", id: "u1", name: "ann@example.org", tokenPrefix: "", address: "::1" } as const;
  const ci = { kind: "token", id: "t1", name: "ci", tokenPrefix: "lormas_abcde", address: "::1" } as const;
  const web = { kind: "container", id: "c1", name: "web" } as const;
  await store.append([
    entry({ actor: ann, object: web, outcome: "ok" }),
    entry({ actor: ci, object: web, method: "ContainerService/StartContainer", outcome: "ok" }),
    entry({ actor: ci, decision: "denied", outcome: "permission_denied", method: "NodeService/DrainNode" }),
  ]);
  const methods = async (filter: Parameters<typeof list>[0]) => (await list(filter)).rows.map(({ method }) => method);
  const [stop, start, drain] = [
    "ContainerService/StopContainer",
    "ContainerService/StartContainer",
    "NodeService/DrainNode",
  ];
  expect(await methods({ actor: "ann@example.org" })).toEqual([stop]);
  expect(await methods({ actor: "u1" })).toEqual([stop]);
  expect(await methods({ actor: "lormas_abcde" })).toEqual([drain, start]);
  expect(await methods({ method: "StartContainer" })).toEqual([start]);
  expect(await methods({ method: start })).toEqual([start]);
  expect(await methods({ object: "web" })).toEqual([start, stop]);
  expect(await methods({ object: "c1" })).toEqual([start, stop]);
  expect(await methods({ decision: "denied" })).toEqual([drain]);
  expect(await methods({ from: new Date(0) })).toEqual([drain, start, stop]);
  expect(await methods({ to: new Date(0) })).toEqual([]);
  expect(await methods({ actor: "ann\0" })).toEqual([]);
  const paged: string[] = [];
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await list({ pageSize: 1, pageToken });
    paged.push(...page.rows.map(({ method }) => method));
    pageToken = page.nextPageToken;
  }
  expect(paged).toEqual([drain, start, stop]);
  await expect(list({ pageToken: "bm9uZQ" })).rejects.toThrow(/page token/);
});

test("texts that do not fit their columns are cut, and what PostgreSQL takes for no text is replaced", async () => {
  const actor = {
    kind: "user",
    id: "i".repeat(99),
    name: "n\0\ud800".padEnd(999, "x"),
    tokenPrefix: "",
    address: "",
  } as const;
  await store.append([entry({ actor, reason: "r".repeat(9_999) })]);
  const [row] = (await list()).rows;
  expect(row?.actorName).toBe("n\ufffd\ufffd".padEnd(256, "x"));
  expect([row?.actorId.length, row?.reason.length]).toEqual([64, 1_024]);
});
