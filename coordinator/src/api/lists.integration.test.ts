import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ContainerService, JobService, MigrationService, NodeService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: RuntimePlaneRig;
let containers: Client<typeof ContainerService>;
let nodes: Client<typeof NodeService>;
let migrations: Client<typeof MigrationService>;
let jobs: Client<typeof JobService>;

beforeAll(async () => {
  rig = await fleetRig(3);
  plane = await startRuntimePlaneRig(rig);
  containers = createClient(ContainerService, plane.transport);
  nodes = createClient(NodeService, plane.transport);
  migrations = createClient(MigrationService, plane.transport);
  jobs = createClient(JobService, plane.transport);
  for (const [name, type, createStopped] of [
    ["alpha", ContainerType.HA, false],
    ["beta", ContainerType.STANDARD, false],
    ["gamma", ContainerType.HA, true],
    ["alphabet", ContainerType.HA, false],
  ] as const) {
    await containers.createContainer({ name, eggId: "hello-http", type, createStopped, resources: { cpuMillis: 100 } });
    await rig.pass(300);
  }
  await containers.migrateContainer({ id: "alpha" });
  await rig.pass(300);
  const [first, second] = (await nodes.listNodes({})).nodes;
  await nodes.updateNode({ id: first?.id ?? "", setLabels: { zone: "north" }, priority: 3 });
  await nodes.updateNode({ id: second?.id ?? "", setLabels: { zone: "south" }, priority: 1 });
});
afterAll(async () => {
  await plane.close();
  await rig.close();
});
const found = async (filter: string, orderBy = ""): Promise<string[]> =>
  (await containers.listContainers({ filter, orderBy })).containers.map(({ name }) => name);

test.each([
  ["", ["alpha", "alphabet", "beta", "gamma"]],
  ["type = ha", ["alpha", "alphabet", "gamma"]],
  ['name : "PHA"', ["alpha", "alphabet"]],
  ["status = running AND type = standard", ["beta"]],
  ["status != running", ["gamma"]],
  ["desired_state = stopped", ["gamma"]],
  ["migration_status = completed", ["alpha"]],
  ["egg = hello-http AND cluster = local AND type = ha", ["alpha", "alphabet"]],
  ['node = ""', ["gamma"]],
  ["created_at > 2100-01-01T00:00:00Z", []],
  ["restart_priority = normal AND created_at < 2100-01-01", ["alpha", "alphabet", "beta", "gamma"]],
])("of containers %j finds %j", async (filter, names) => expect(await found(filter)).toEqual(names));

test("lists come in the order asked for, page by page, each thing once", async () => {
  expect(await found("", "name desc")).toEqual(["gamma", "beta", "alphabet", "alpha"]);
  expect(await found("", "created_at desc")).toEqual(["alphabet", "gamma", "beta", "alpha"]);
  for (const orderBy of ["name", "name desc", "created_at", "created_at desc", "status", "status desc"]) {
    const whole = await found("type = ha", orderBy);
    const paged: string[] = [];
    for (let pageToken = ""; ; ) {
      const page = await containers.listContainers({ filter: "type = ha", orderBy, pageSize: 1, pageToken });
      paged.push(...page.containers.map(({ name }) => name));
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    expect(paged, orderBy).toEqual(whole);
  }
  const { nextPageToken: pageToken } = await containers.listContainers({ orderBy: "created_at", pageSize: 1 });
  await expect(containers.listContainers({ orderBy: "name", pageSize: 1, pageToken })).rejects.toMatchObject({
    code: Code.InvalidArgument,
  });
  const byPriority = (await nodes.listNodes({ orderBy: "priority" })).nodes.map(({ priority }) => priority);
  expect(byPriority).toEqual(byPriority.toSorted((a, b) => a - b));
});

test("nodes, migrations and jobs are filtered, too", async () => {
  const labelled = (await nodes.listNodes({ filter: "labels.zone = north" })).nodes;
  expect(labelled.map(({ labels }) => labels)).toEqual([{ zone: "north" }]);
  expect((await nodes.listNodes({ filter: "labels.zone != north AND status = healthy" })).nodes).toHaveLength(2);
  expect((await nodes.listNodes({ filter: "revoked = true" })).nodes).toEqual([]);
  const moved = async (filter: string) => (await migrations.listMigrations({ filter })).migrations.length;
  expect([await moved("outcome = completed AND trigger = manual"), await moved("outcome = failed")]).toEqual([1, 0]);
  const done = async (filter: string) => (await jobs.listJobs({ filter })).jobs.map(({ kind }) => kind);
  expect(await done("kind = migrate AND state = succeeded")).toEqual(["migrate"]);
  expect(await done('requested_by : "admin" AND container = alpha')).toEqual(["migrate", "create"]);
});

const HOSTILE = [
  "'; drop table container; --",
  '" or 1=1 --',
  "name) from container; --",
  "?",
  "$1",
  "%",
  "_",
  "\\",
  "a' or 'a'='a",
  "x\u202e",
  "::int",
];
test.each(HOSTILE)(
  "nothing of %j becomes a statement: as a value it finds nothing, elsewhere it is refused",
  async (text) => {
    const quoted = `"${text.replace(/["\\]/g, "\\$&")}"`;
    for (const comparison of ["name =", "name :", "node =", "egg :"]) {
      expect(await found(`${comparison} ${quoted}`), comparison).toEqual([]);
    }
    expect((await nodes.listNodes({ filter: `labels.zone = ${quoted}` })).nodes).toEqual([]);
    expect((await jobs.listJobs({ filter: `requested_by = ${quoted}` })).jobs).toEqual([]);
    const calls = [
      () => containers.listContainers({ filter: text }),
      () => containers.listContainers({ filter: `status = ${quoted}` }),
      () => containers.listContainers({ filter: `${text} = x` }),
      () => containers.listContainers({ orderBy: text }),
      () => containers.listContainers({ orderBy: `name ${text}` }),
      () => nodes.listNodes({ orderBy: text }),
      () => nodes.listNodes({ filter: `labels.a${text}) = x` }),
      () =>
        containers.listContainers({
          orderBy: "created_at",
          pageToken: Buffer.from(JSON.stringify(["containers by created_at asc", text, "a"])).toString("base64url"),
        }),
    ];
    for (const call of calls) {
      const error = ConnectError.from(
        await call().then(
          () => expect.fail(`${call}`),
          (thrown: unknown) => thrown,
        ),
      );
      expect(error.code, String(call)).toBe(Code.InvalidArgument);
    }
    expect(await found("")).toHaveLength(4);
  },
);

test.each(["9999-12-31T23:59:59-14:00", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", '"2026-11-30 (x) 10:00"'])(
  "%s is no moment to compare with",
  async (moment) => {
    await expect(containers.listContainers({ filter: `created_at < ${moment}` })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
  },
);

test("the first and the last moment that there are can be compared with", async () => {
  expect(await found("created_at > 0001-01-01T00:00:00Z AND created_at < 9999-12-31T23:59:59.999Z")).toHaveLength(4);
});

test("a page token that holds a day that there is not is refused", async () => {
  const ask = { orderBy: "created_at", pageSize: 1 };
  const { nextPageToken } = await containers.listContainers(ask);
  const [list, , name] = JSON.parse(Buffer.from(nextPageToken, "base64url").toString()) as string[];
  const forged = Buffer.from(JSON.stringify([list, "2026-02-30T00:00:00Z", name])).toString("base64url");
  await containers.listContainers({ ...ask, pageToken: nextPageToken });
  await expect(containers.listContainers({ ...ask, pageToken: forged })).rejects.toMatchObject({
    code: Code.InvalidArgument,
  });
});
