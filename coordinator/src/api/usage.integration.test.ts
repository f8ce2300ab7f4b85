import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { AuditService, ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../runtime/system-clock.ts";
import { PostgresUsageStore } from "../store/postgres-usage-store.ts";
import { NODE_1_ID } from "../store/test-fleet.ts";
import { UsageBoard } from "../usage/usage-board.ts";
import { bearerTransport } from "./bearer-transport.ts";
import { type ScopedRig, startScopedRig } from "./scoped-rig.ts";

let scoped: ScopedRig;
const board = new UsageBoard();
beforeAll(async () => {
  scoped = await startScopedRig({ usage: board });
});
afterAll(() => scoped.rig.close());

const containers = (token = scoped.rig.token) =>
  createClient(ContainerService, bearerTransport(scoped.rig.plane.url, token));
const report = (containerId: string, cpuMillis: number) => {
  const status = { containerId, epoch: 4, session: 1, state: "running" as const, exitCode: null, detail: "" };
  board.note(NODE_1_ID, { ...status, usage: { cpuMillis, memoryBytes: 1_000 } }, systemClock.wallMs());
};

test("a stream tells at once what is known, then each report, and what one watcher misses another has", async () => {
  const abort = new AbortController();
  const stream = containers().streamUsage({ id: "shop" }, { signal: abort.signal })[Symbol.asyncIterator]();
  expect((await stream.next()).value?.usage).toBeUndefined();
  report(scoped.shopId, 120);
  expect((await stream.next()).value?.usage).toMatchObject({
    nodeId: NODE_1_ID,
    epoch: 4n,
    cpuMillis: 120n,
    memoryBytes: 1_000n,
  });
  const other = containers().streamUsage({ id: "shop" }, { signal: abort.signal })[Symbol.asyncIterator]();
  expect((await other.next()).value?.usage?.cpuMillis).toBe(120n);
  report(scoped.arenaId, 999);
  report(scoped.shopId, 130);
  for (const one of [stream, other]) expect((await one.next()).value?.usage?.cpuMillis).toBe(130n);
  abort.abort();
  await expect(stream.next()).rejects.toMatchObject({ code: Code.Canceled });
});

test("only the coordinator that leads has something to stream; what was stored anybody tells", async () => {
  scoped.rig.operations.leader = false;
  try {
    const stream = containers().streamUsage({ id: "shop" })[Symbol.asyncIterator]();
    await expect(stream.next()).rejects.toMatchObject({ code: Code.Unavailable });
    expect((await containers().listUsage({ id: "shop" })).samples).toEqual([]);
  } finally {
    scoped.rig.operations.leader = true;
  }
});

test("what was used is told oldest first, of the time that is asked for, by REST as well", async () => {
  const em = scoped.rig.database.database.orm.em.fork();
  await em.execute(
    `insert into leadership (scope, holder, term, ttl_ms) values ('global', 'here', 1, 15000)
     on conflict (scope) do update set term = 1`,
  );
  const minute = (at: number, hourly = false) => ({
    ...{ containerId: scoped.shopId, hourly, atMs: Date.UTC(2026, 0, 1, 0, at), seconds: 60, reports: 6 },
    ...{ cpuMillis: at, cpuMillisMax: at + 1, memoryBytes: 5_000_000_000, memoryBytesMax: 6_000_000_000 },
  });
  await new PostgresUsageStore(scoped.rig.database.database).append(1, [
    minute(0),
    minute(1),
    minute(2),
    minute(0, true),
  ]);
  const { samples } = await containers().listUsage({ id: "shop" });
  expect(samples.map(({ cpuMillis }) => cpuMillis)).toEqual([0n, 1n, 2n]);
  expect(samples[2]).toMatchObject({ seconds: 60, reports: 6, cpuMillisMax: 3n, memoryBytesMax: 6_000_000_000n });
  expect((await containers().listUsage({ id: "shop", hourly: true })).samples).toHaveLength(1);
  const answer = await fetch(
    `${scoped.rig.plane.url}/api/v1/containers/shop/usage?from=2026-01-01T00:01:00Z&to=2026-01-01T00:02:00Z`,
    { headers: { authorization: `Bearer ${scoped.rig.token}` } },
  );
  const body = (await answer.json()) as { samples: { at: string; memoryBytes: string }[] };
  expect(body.samples).toMatchObject([{ at: "2026-01-01T00:01:00Z", memoryBytes: "5000000000" }]);
});

test("who may not see a container learns nothing of what it uses", async () => {
  const { token } = await scoped.holder("arena-only", "viewer@container=arena");
  const code = (call: Promise<unknown>) =>
    call.then(
      () => null,
      (error: unknown) => ConnectError.from(error).code,
    );
  expect(await code(containers(token).listUsage({ id: "shop" }))).toBe(Code.NotFound);
  const stream = containers(token).streamUsage({ id: "shop" })[Symbol.asyncIterator]();
  expect(await code(stream.next())).toBe(Code.NotFound);
  expect(await code(containers(token).listUsage({ id: "arena" }))).toBeNull();
});

test.each([
  { from: { seconds: 9_000_000_000_000_000n } },
  { to: { seconds: 253_402_300_800n } },
  { from: { seconds: -62_135_596_801n } },
  { to: { seconds: 0n, nanos: -1 } },
])("%o is no time to ask of", async (asked) => {
  await expect(containers().listUsage({ id: "shop", ...asked })).rejects.toMatchObject({ code: Code.InvalidArgument });
  const audit = createClient(AuditService, bearerTransport(scoped.rig.plane.url, scoped.rig.token));
  await expect(audit.listAuditEntries(asked)).rejects.toMatchObject({ code: Code.InvalidArgument });
});

test("the first and the last moment that there are may be asked of", async () => {
  const all = { from: { seconds: -62_135_596_800n }, to: { seconds: 253_402_300_799n } };
  expect((await containers().listUsage({ id: "shop", ...all })).samples.length).toBeGreaterThan(0);
});
