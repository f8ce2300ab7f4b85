import type { DescService } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import {
  ContainerType,
  DesiredState,
  ErrorDetailSchema,
  MigrationStatus,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { AccessService, AuditService, ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { bearerTransport } from "./bearer-transport.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: RuntimePlaneRig;
let access: Client<typeof AccessService>;
/** As the administrator of the machine, whom no quota bounds. */
let containers: Client<typeof ContainerService>;
/** With a token that ann has made, and one that this token has made. */
let anns: Client<typeof ContainerService>;
let annsOther: Client<typeof ContainerService>;
let annsAccess: Client<typeof AccessService>;
const bearing = <Service extends DescService>(service: Service, secret: string): Client<Service> =>
  createClient(service, bearerTransport(plane.plane.url, secret));

beforeEach(async () => {
  rig = await fleetRig(3);
  plane = await startRuntimePlaneRig(rig);
  access = createClient(AccessService, plane.transport);
  containers = createClient(ContainerService, plane.transport);
  await access.createUser({ email: "ann@example.test", role: "superadmin" });
  const { secret } = await access.createToken({ name: "anns", role: "superadmin" });
  // As if she had made it: what she would have needed a browser for.
  const hers = `update api_token set created_by = ?, owner = (select id from auth."user" where email = ?) where name = 'anns'`;
  await sql(hers, [`session:${email}`, email]);
  annsAccess = bearing(AccessService, secret);
  anns = bearing(ContainerService, secret);
  annsOther = bearing(
    ContainerService,
    (await annsAccess.createToken({ name: "anns-other", role: "developer" })).secret,
  );
});
afterEach(async () => {
  await plane.close();
  await rig.close();
});
const sql = <Row extends object>(text: string, params: unknown[] = []): Promise<Row[]> =>
  rig.database.database.orm.em.fork().execute<Row[]>(text, params);
const wish = (name: string, cpuMillis = 100) => ({
  name,
  eggId: "hello-http",
  resources: { cpuMillis, memoryBytes: 16_777_216n },
});
const refusal = async (call: Promise<unknown>): Promise<string> => {
  const error = ConnectError.from(
    await call.then(
      () => expect.fail("it was granted"),
      (thrown: unknown) => thrown,
    ),
  );
  const [detail] = error.findDetails(ErrorDetailSchema);
  return `${detail?.code} ${detail?.field}: ${detail?.message}`;
};
const email = "ann@example.test";

test("a person has what his quota allows, through all of his tokens together, and is told what he has and asked for", async () => {
  await access.setUserQuota({ email, limits: { containers: 2 } });
  await anns.createContainer(wish("one"));
  await annsOther.createContainer(wish("two"));
  const refused =
    "quota_exceeded name: the quota of ann@example.test is 2 containers: 2 containers used, 1 container more asked for";
  expect(await refusal(anns.createContainer(wish("three")))).toBe(refused);
  expect(await refusal(annsOther.createContainer(wish("three")))).toBe(refused);
  // Others are not bounded by it.
  await containers.createContainer(wish("others"));
  await anns.deleteContainer({ id: "one" });
  await rig.pass(300);
  await anns.createContainer(wish("three"));
});

test.each([
  ["cpuMillis", { cpuMillis: 250n }, "resources.cpu_millis"],
  ["memoryBytes", { memoryBytes: 40_000_000n }, "resources.memory_bytes"],
  ["diskBytes", { diskBytes: 0n }, "resources.disk_bytes"],
  ["ports", { ports: 2 }, "host_ports"],
])("of %s no more is given than the quota allows", async (kind, limits, field) => {
  await access.setUserQuota({ email, limits });
  const disk = kind === "diskBytes" ? { diskBytes: 1_048_576n } : {};
  const one = (name: string) => ({ ...wish(name), resources: { ...wish(name).resources, ...disk } });
  if (kind !== "diskBytes") for (const name of ["one", "two"]) await anns.createContainer(one(name));
  expect(await refusal(anns.createContainer(one("three")))).toContain(`quota_exceeded ${field}: the quota of ${email}`);
  // Nothing was made or reserved.
  expect(await sql("select 1 from container where name = 'three'")).toEqual([]);
  expect(
    await sql("select 1 from reservation r where not exists (select from container c where c.id = r.container_id)"),
  ).toEqual([]);
});

test("no chain of tokens is so long that its last is not hers any more, whoever bears the name of one of them by now", async () => {
  await access.setUserQuota({ email, limits: { containers: 1 } });
  await anns.createContainer(wish("one"));
  let maker = annsAccess;
  for (let link = 0; link < 12; link += 1) {
    const { secret } = await maker.createToken({ name: `link-${link}`, role: "superadmin" });
    maker = bearing(AccessService, secret);
  }
  await access.revokeToken({ name: "link-3" });
  await access.createToken({ name: "link-3", role: "viewer" });
  const { secret } = await maker.createToken({ name: "last", role: "developer" });
  expect(await refusal(bearing(ContainerService, secret).createContainer(wish("two")))).toContain("quota_exceeded");
});

test("however many ask at once, no more is given than the quota allows", async () => {
  await access.setUserQuota({ email, limits: { containers: 3 } });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, number) => [anns, annsOther][number % 2]?.createContainer(wish(`c-${number}`))),
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  expect(await sql("select 1 from container")).toHaveLength(3);
});

test("a container does not grow beyond the quota, and who is above it may shrink", async () => {
  await anns.createContainer({ ...wish("one", 200), createStopped: true });
  await access.setUserQuota({ email, limits: { cpuMillis: 150n } });
  const resize = (cpuMillis: number) => anns.updateContainer({ id: "one", resources: { cpuMillis } });
  expect(await refusal(resize(300))).toContain("quota_exceeded resources.cpu_millis");
  await resize(180);
  await anns.updateContainer({ id: "one", crashesBeforeMove: 2 });
  await resize(150);
  expect(await refusal(resize(151))).toContain("quota_exceeded");
});

test("a cluster's quota bounds everybody there, and nobody's failover", async () => {
  await access.setClusterQuota({ cluster: "local", limits: { containers: 1 } });
  const { container } = await containers.createContainer({ ...wish("one"), type: ContainerType.HA });
  await rig.pass(300);
  expect(await refusal(anns.createContainer(wish("two")))).toContain("the quota of cluster local is 1 container");
  await access.setClusterQuota({ cluster: "local", limits: { containers: 0 } });
  await containers.migrateContainer({ id: container?.id ?? "" });
  await rig.pass(1_000);
  expect((await containers.getContainer({ id: "one" })).container?.migrationStatus).toBe(MigrationStatus.COMPLETED);
  await containers.stopContainer({ id: "one" });
  await rig.pass(300);
  await containers.startContainer({ id: "one" });
});

test("a cluster's quota bounds what is made stopped and started later as well", async () => {
  await access.setClusterQuota({ cluster: "local", limits: { containers: 1 } });
  await containers.createContainer({ ...wish("one"), createStopped: true });
  await containers.createContainer({ ...wish("two"), createStopped: true });
  await containers.startContainer({ id: "one" });
  expect(await refusal(containers.startContainer({ id: "two" }))).toContain(
    "the quota of cluster local is 1 container",
  );
  const { container } = await containers.getContainer({ id: "two" });
  expect(container).toMatchObject({ desiredState: DesiredState.STOPPED, nodeId: "" });
  const [quota] = (await access.listQuotas({})).quotas;
  expect(quota?.used?.containers).toBe(1);
  // What has its place is started there again, whatever the quota has become.
  await rig.pass(300);
  await access.setClusterQuota({ cluster: "local", limits: { containers: 0 } });
  await containers.stopContainer({ id: "one" });
  await rig.pass(300);
  await containers.startContainer({ id: "one" });
});

test("who may see one container alone is told that a quota is in the way, not whose, how much it is or what is used", async () => {
  for (const name of ["others-1", "others-2"]) await anns.createContainer(wish(name));
  await anns.createContainer({ ...wish("mine"), createStopped: true, preferredCluster: "local" });
  const grants = [{ role: "developer", container: "mine" }];
  const scoped = { name: "scoped", role: "none", grants };
  const growBy = ({ secret }: { secret: string }) =>
    bearing(ContainerService, secret).updateContainer({ id: "mine", resources: { cpuMillis: 200 } });
  const token = await access.createToken(scoped);
  const grow = () => growBy(token);
  await access.setUserQuota({ email, limits: { cpuMillis: 310n } });
  expect(await refusal(grow())).toBe("quota_exceeded resources.cpu_millis: the quota of its owner does not allow it");
  await access.removeUserQuota({ email });
  await access.setClusterQuota({ cluster: "local", limits: { cpuMillis: 310n } });
  const ofCluster = "quota_exceeded resources.cpu_millis: the quota of cluster local does not allow it";
  expect(await refusal(grow())).toBe(ofCluster);
  // She herself is told of her quota, and of the cluster's no more than others.
  const herToken = await annsAccess.createToken({ ...scoped, name: "hers" });
  await access.setUserQuota({ email, limits: { cpuMillis: 310n } });
  expect(await refusal(growBy(herToken))).toContain(`the quota of ${email} is`);
  await access.removeUserQuota({ email });
  expect(await refusal(growBy(herToken))).toBe(ofCluster);
});

test("quotas are listed with their use, taken away, and in the audit trail", async () => {
  await anns.createContainer(wish("one", 200));
  const { quota } = await access.setUserQuota({ email, limits: { containers: 5, memoryBytes: 1_000_000_000n } });
  expect(quota).toMatchObject({
    ...{ subjectKind: "user", subject: email, limits: { containers: 5, memoryBytes: 1_000_000_000n } },
    used: { containers: 1, cpuMillis: 200n, memoryBytes: 16_777_216n, diskBytes: 0n, ports: 1 },
  });
  await access.setClusterQuota({ cluster: "local", limits: { ports: 9 } });
  const { quotas } = await access.listQuotas({});
  expect(quotas.map(({ subjectKind, subject, used }) => [subjectKind, subject, used?.containers])).toEqual([
    ["cluster", "local", 1],
    ["user", email, 1],
  ]);
  const { entries } = await createClient(AuditService, plane.transport).listAuditEntries({ method: "SetUserQuota" });
  expect(entries[0]).toMatchObject({ objectName: email, outcome: "ok", after: { limits: { containers: 5 } } });
  await access.removeUserQuota({ email });
  expect(await refusal(access.removeUserQuota({ email }))).toContain("not_found email");
  expect(await refusal(access.setUserQuota({ email, limits: {} }))).toContain("invalid_argument limits");
  expect(await refusal(access.setUserQuota({ email: "nobody@example.test", limits: { ports: 1 } }))).toContain(
    "not_found",
  );
  const viewer = await access.createToken({ name: "viewer", role: "viewer" });
  const others = createClient(AccessService, bearerTransport(plane.plane.url, viewer.secret));
  expect(await refusal(others.listQuotas({}))).toContain("permission_denied");
});
