import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { MigrationOutcome } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../lab/src/until.ts";
import { CopyWatch } from "../fleet/copy-watch.ts";
import { EmbeddedDatabase } from "../fleet/embedded-database.ts";
import { EventRecord } from "../fleet/event-record.ts";
import { Fleet } from "../fleet/fleet.ts";
import { copiesOf } from "../fleet/fleet-processes.ts";

let fleet: Fleet;
let database: EmbeddedDatabase;
beforeAll(async () => {
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "fast" } });
  database = new EmbeddedDatabase(fleet);
});
afterAll(() => fleet?.dispose());

const copies = (container: string) => copiesOf(fleet.processes(), container);

async function coordinatorIsBack(notPid: number): Promise<void> {
  await until("the supervisor has started the coordinator again", 30_000, async () => {
    const pid = await fleet.childPid("coordinator");
    return pid !== notPid && (await fleet.rest().get("/health/ready")).status === 200;
  });
}

test.each(["stopping_source", "starting"])(
  "the coordinator killed with -9 while a migration is %s: it ends, and one copy runs throughout",
  async (state) => {
    const name = `killed-${state.replace("_", "-")}`;
    const before = await fleet.createRunning(name);
    const record = new EventRecord(() => fleet.api(), (await fleet.api().containers.listContainers({})).asOf);
    record.follow();
    const watch = new CopyWatch(fleet, name);
    try {
      // A source that cannot obey its stop signal holds the migration in stopping_source for its grace of 2 s.
      if (state === "stopping_source") for (const { pid } of copies(name)) process.kill(pid, "SIGSTOP");
      const pid = await fleet.childPid("coordinator");
      const { migration } = await fleet.api().containers.migrateContainer({ id: name });
      await record.seen(
        state,
        20_000,
        ({ event }) => event?.type === "migration.state" && event.data?.["state"] === state,
      );
      process.kill(pid, "SIGKILL");
      const dead = await fleet
        .api()
        .migrations.getMigration({ id: migration?.id ?? "" })
        .catch(() => undefined);
      expect(dead).toBeUndefined();

      await coordinatorIsBack(pid);
      const ended = await until("the migration has ended", 60_000, async () => {
        const now = (await fleet.api().migrations.getMigration({ id: migration?.id ?? "" })).migration;
        return now?.outcome === MigrationOutcome.RUNNING ? undefined : now;
      });
      const after = await fleet.container(name, "RUNNING");
      expect([MigrationOutcome.COMPLETED, MigrationOutcome.FAILED, MigrationOutcome.CANCELLED]).toContain(
        ended.outcome,
      );
      expect(after.nodeName).toBe(
        ended.outcome === MigrationOutcome.COMPLETED ? ended.targetNodeName : before.nodeName,
      );
      expect(copies(name).map(({ environment }) => environment.get("LORMAS_NODE"))).toEqual([after.nodeName]);
      expect(copies(name)[0]?.environment.get("LORMAS_EPOCH")).toBe(after.epoch);
      expect(watch.most).toBe(1);
      expect(watch.looks).toBeGreaterThan(10);
      const page = await fetch(`http://${after.endpoints[0]?.address}:${after.endpoints[0]?.port}/`);
      expect(page.status).toBe(200);
    } finally {
      watch.stop();
      await record.disconnect();
    }
  },
);

/** What callers see while the database is away. */
async function expectUnavailable(): Promise<void> {
  const refused = await until("a call is refused", 20_000, async () => {
    const answer = await fleet.rest().post("/api/v1/containers", { name: "never", eggId: "hello-http" });
    return answer.status === 200 ? undefined : answer;
  });
  expect([refused.status, refused.body]).toMatchObject([
    503,
    { error: { code: "database_unavailable", retryable: true, nextStep: expect.stringMatching(/.{5,}/) } },
  ]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  const signIn: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${fleet.token}`);
    return next(request);
  };
  const grpc = createClient(ContainerService, createGrpcTransport({ baseUrl: fleet.httpUrl, interceptors: [signIn] }));
  const error = await grpc.listContainers({}, { timeoutMs: 15_000 }).then(() => undefined, ConnectError.from);
  expect(error?.code).toBe(Code.Unavailable);
  expect((await fleet.rest().get("/health/ready")).status).toBe(503);
  expect((await fleet.rest().get("/health/live")).status).toBe(200);
}

async function expectWell(name: string, coordinatorPid: number): Promise<void> {
  await until(
    "/health/ready says 200 again",
    30_000,
    async () => (await fleet.rest().get("/health/ready")).status === 200,
  );
  expect(await fleet.childPid("coordinator")).toBe(coordinatorPid);
  // What was under way is read back first; until then changes are refused, with a hint to come again.
  const refusals: unknown[] = [];
  await until("changes are taken again", 20_000, async () => {
    const { status, body } = await fleet.rest().post(`/api/v1/containers/${name}/start`);
    if (status !== 200) refusals.push({ status, ...body });
    return status === 200;
  });
  for (const refusal of refusals) expect(refusal).toMatchObject({ status: 503, error: { retryable: true } });
  const acknowledged = await fleet.container(name, "RUNNING");
  expect(copies(name).map(({ environment }) => environment.get("LORMAS_NODE"))).toEqual([acknowledged.nodeName]);
  await fleet.nodes("HEALTHY");
  const next = await fleet.createRunning(`${name}-next`);
  expect(copies(next.name)).toHaveLength(1);
}

test("the database stopped for 10 s: calls are told to come back, nothing acknowledged is lost, containers run on", async () => {
  await fleet.createRunning("steady");
  const coordinatorPid = await fleet.childPid("coordinator");
  const [copy] = copies("steady");
  const watch = new CopyWatch(fleet, "steady");
  const stoppedMs = performance.now();
  database.signalAll("SIGSTOP");
  try {
    await expectUnavailable();
    await until("10 s are over", 15_000, () => performance.now() - stoppedMs >= 10_000);
  } finally {
    database.signalAll("SIGCONT");
    watch.stop();
  }
  expect(watch.most).toBe(1);
  await expectWell("steady", coordinatorPid);
  expect(copies("steady")[0]?.pid).toBe(copy?.pid);
  expect((await fleet.rest().get("/api/v1/containers/never")).status).toBe(404);
});

test("the postmaster killed with -9: it comes back by itself, and nothing acknowledged is lost", async () => {
  await fleet.createRunning("crashed");
  const coordinatorPid = await fleet.childPid("coordinator");
  const [copy] = copies("crashed");
  const [postmaster] = database.pids;
  process.kill(postmaster!, "SIGKILL");
  await until("another postmaster runs", 30_000, () => database.pids[0] !== postmaster);
  await expectWell("crashed", coordinatorPid);
  expect(copies("crashed")[0]?.pid).toBe(copy?.pid);
});

test("an agent whose certificate has been revoked is shut out, and its container moves", async () => {
  const before = await fleet.createRunning("revoked");
  const node = before.nodeName;
  const pid = await fleet.childPid(node);
  expect((await fleet.cli("node", "revoke", node)).code).toBe(0);
  await fleet.nodes("DEAD", [node]);
  const after = await until("the container runs on another node", 60_000, async () => {
    const now = await fleet.container("revoked", "RUNNING");
    return now.nodeName === node ? undefined : now;
  });
  expect(copies("revoked").map(({ environment }) => environment.get("LORMAS_NODE"))).toEqual([after.nodeName]);
  await until("the refusal is logged", 20_000, () => /calls_of_revoked_node/.test(fleet.coordinatorLog()));
  expect(fleet.coordinatorLog()).toContain(`node ${node} has been revoked`);
  // The agent itself neither crashes nor gets back in.
  expect(await fleet.childPid(node)).toBe(pid);
  await fleet.nodes("DEAD", [node]);
});
