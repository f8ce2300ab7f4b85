import { randomUUID } from "node:crypto";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { ContainerType, ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AccessService,
  ClusterService,
  ContainerService,
  EggService,
  NodeService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { DecisionStore } from "../runtime/decision-store.ts";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { testKeyring } from "../secrets/test-keyring.ts";
import { NAMED_REQUESTS_MAX, type NamedRequest, REQUEST_NAMED_MS } from "../store/named-request-store.ts";
import { DEFAULT_RETENTION, forgetThePast } from "../store/retention.ts";
import { bearerTransport } from "./bearer-transport.ts";
import { ABANDONED_MS } from "./request-once-interceptor.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: RuntimePlaneRig;
let containers: Client<typeof ContainerService>;
let access: Client<typeof AccessService>;
/** What becomes of the next commit: it is made, and its answer is lost. */
let loseAnswer = false;

beforeEach(async () => {
  loseAnswer = false;
  rig = await fleetRig(2, losingAnswers);
  plane = await startRuntimePlaneRig(rig);
  containers = createClient(ContainerService, plane.transport);
  access = createClient(AccessService, plane.transport);
});
afterEach(async () => {
  await plane.close();
  await rig.close();
});

function losingAnswers(store: DecisionStore): DecisionStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "commit") return value.bind(target);
      return async (...given: Parameters<DecisionStore["commit"]>) => {
        await target.commit(...given);
        if (!loseAnswer) return;
        loseAnswer = false;
        throw new Error("the connection broke before the answer");
      };
    },
  });
}
const web = () => ({ name: "web", eggId: "hello-http", resources: { cpuMillis: 100 }, requestId: randomUUID() });
const sql = <Row extends object>(text: string, params: unknown[] = []): Promise<Row[]> =>
  rig.database.database.orm.em.fork().execute<Row[]>(text, params);
const names = async (): Promise<string[]> => (await containers.listContainers({})).containers.map(({ name }) => name);
const refusedAs = (thrown: unknown): string => {
  const [detail] = ConnectError.from(thrown).findDetails(ErrorDetailSchema);
  return `${detail?.code} ${detail?.field}`;
};
const refusal = (call: Promise<unknown>): Promise<string> => call.then(() => expect.fail("it was granted"), refusedAs);

test("the same request under the same name gets the same answer and acts once", async () => {
  const wish = web();
  const first = await containers.createContainer(wish);
  await rig.pass(300);
  const again = await containers.createContainer({ ...wish, requestId: wish.requestId.toUpperCase() });
  // As it was answered, though the container has gone on since.
  expect(again).toEqual(first);
  expect(await names()).toEqual(["web"]);
  expect(await sql("select 1 from job where kind = 'create'")).toHaveLength(1);
  // Without a name, or under another, it is a second wish.
  expect(await refusal(containers.createContainer({ ...wish, requestId: "" }))).toBe("name_taken name");
  expect(await refusal(containers.createContainer(web()))).toBe("name_taken name");
});

test("ten of the same at once make one container, and each that is answered is answered alike", async () => {
  const wish = web();
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => containers.createContainer(wish)));
  const ids = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value.container?.id] : []));
  expect(new Set(ids).size).toBe(1);
  for (const one of outcomes) {
    if (one.status === "rejected") expect(await refusal(Promise.reject(one.reason))).toBe("busy request_id");
  }
  expect(await names()).toEqual(["web"]);
});

test("another request under the same name is refused, and so is another method", async () => {
  const wish = web();
  await containers.createContainer(wish);
  expect(await refusal(containers.createContainer({ ...wish, name: "other" }))).toBe("request_id_reused request_id");
  const { requestId } = wish;
  const cluster = createClient(ClusterService, plane.transport).createCluster({ name: "hall-2", requestId });
  expect(await refusal(cluster)).toBe("request_id_reused request_id");
  expect(await refusal(containers.createContainer({ ...wish, requestId: "no uuid" }))).toBe(
    "invalid_argument request_id",
  );
  expect(await names()).toEqual(["web"]);
});

test("names are each caller's own", async () => {
  const wish = web();
  await containers.createContainer(wish);
  const { secret } = await access.createToken({ name: "other", role: "superadmin" });
  const other = createClient(ContainerService, bearerTransport(plane.plane.url, secret));
  expect(await refusal(other.createContainer(wish))).toBe("name_taken name");
});

test("what was refused has changed nothing, and is decided anew under its name", async () => {
  const wish = { ...web(), name: "taken" };
  await containers.createContainer({ ...web(), name: "taken" });
  expect(await refusal(containers.createContainer(wish))).toBe("name_taken name");
  await containers.deleteContainer({ id: "taken" });
  await rig.pass(300);
  expect((await containers.createContainer(wish)).container?.name).toBe("taken");
});

test("where the answer of the commit was lost, the next try finds the one container that was made", async () => {
  const wish = web();
  loseAnswer = true;
  expect(await refusal(containers.createContainer(wish))).toBe("database_unavailable ");
  await rig.pass(1_000);
  // Until the coordinator has read anew what is stored, which takes as long as it takes, it says the same again.
  const next = () => containers.createContainer(wish).then(({ container }) => container?.name, refusedAs);
  await expect.poll(next, { timeout: 10_000 }).not.toBe("database_unavailable ");
  expect(await next()).toBe("web");
  expect(await sql("select 1 from job where kind = 'create'")).toHaveLength(1);
});

test("a call whose coordinator was killed in the middle can be sent again after a minute, not before", async () => {
  const wish = web();
  const { container } = await containers.createContainer(wish);
  // As it stands when the process ends between the commit and the note of its answer.
  await sql("update named_request set answer = null, begun_at = ?", [new Date(systemClock.wallMs())]);
  expect(await refusal(containers.createContainer(wish))).toBe("busy request_id");
  await sql("update named_request set begun_at = ?", [new Date(systemClock.wallMs() - ABANDONED_MS - 1_000)]);
  expect((await containers.createContainer(wish)).container?.id).toBe(container?.id);
  expect(await names()).toEqual(["web"]);
});

test("an answer with a secret is given once and kept nowhere, not even sealed; whoever asks again is told so", async () => {
  const keyring = testKeyring();
  await plane.close();
  plane = await startRuntimePlaneRig(rig, keyring);
  access = createClient(AccessService, plane.transport);
  const nodes = createClient(NodeService, plane.transport);
  const token = { name: "ci", role: "viewer", requestId: randomUUID() };
  const join = { cluster: "local", requestId: randomUUID() };
  const user = { email: "ann@example.test", role: "viewer", requestId: randomUUID() };
  const calls = [() => access.createToken(token), () => nodes.createJoinToken(join), () => access.createUser(user)];
  for (const call of calls) {
    await call();
    expect(await refusal(call())).toBe("told_once request_id");
  }
  const kept = await sql<Pick<NamedRequest, "answer"> & { secret_key: NamedRequest["secretKey"] }>(
    "select answer, secret_key from named_request",
  );
  expect(kept).toHaveLength(calls.length);
  for (const { answer, secret_key } of kept)
    expect(keyring.secrets(secret_key).open("answer", answer ?? expect.fail("it is not settled"))).toBe("");
  expect((await access.listTokens({})).tokens.filter(({ name }) => name === "ci")).toHaveLength(1);
});

test("who may not create there any more is not told what he was answered when he might", async () => {
  const clusters = createClient(ClusterService, plane.transport);
  await clusters.createCluster({ name: "other" });
  const grants = ["local", "other"].map((cluster) => ({ role: "developer", cluster }));
  const { secret } = await access.createToken({ name: "scoped", role: "none", grants });
  const scoped = createClient(ContainerService, bearerTransport(plane.plane.url, secret));
  const wish = { ...web(), preferredCluster: "local" };
  const first = await scoped.createContainer(wish);
  expect(await scoped.createContainer(wish)).toEqual(first);
  await sql("delete from role_grant where scope_id = (select id from cluster where name = 'local')");
  await vi.waitFor(async () => expect(await refusal(scoped.getContainer({ id: "web" }))).toBe("not_found id"), 10_000);
  const another = { ...wish, name: "web-2", requestId: randomUUID() };
  expect(await refusal(scoped.createContainer(another))).toBe("unknown_cluster preferred_cluster");
  expect(await refusal(scoped.createContainer(wish))).toBe("unknown_cluster preferred_cluster");
});

test("who may not set a variable any more that its egg keeps from users is not told what he was answered when he might", async () => {
  const variables = [{ name: "LOCKED", defaultValue: "a", userEditable: false }];
  const egg = { name: "Kept", category: "Web", startup: { exec: "serve" }, variables };
  await createClient(EggService, plane.transport).createEgg({ id: "kept", egg });
  const grants = ["developer", "operator"].map((role) => ({ role, cluster: "local" }));
  const { secret } = await access.createToken({ name: "scoped", role: "none", grants });
  const scoped = createClient(ContainerService, bearerTransport(plane.plane.url, secret));
  const wish = { ...web(), eggId: "kept", preferredCluster: "local", environment: { LOCKED: "b" } };
  const first = await scoped.createContainer(wish);
  expect(await scoped.createContainer(wish)).toEqual(first);
  await sql("delete from role_grant where role = 'operator'");
  const asked = { permission: "egg:variable:override", cluster: "local" };
  const own = createClient(AccessService, bearerTransport(plane.plane.url, secret));
  await vi.waitFor(async () => expect((await own.canI(asked)).allowed).toBe(false), 10_000);
  const another = { ...wish, name: "web-2", requestId: randomUUID() };
  expect(await refusal(scoped.createContainer(another))).toBe("permission_denied environment.LOCKED");
  expect(await refusal(scoped.createContainer(wish))).toBe("permission_denied environment.LOCKED");
  expect(await names()).toEqual(["web"]);
});

test("who may not migrate to that node any more is not told what he was answered when he might", async () => {
  const { container } = await containers.createContainer({ ...web(), type: ContainerType.HA });
  await rig.pass(300);
  const grants = [
    { role: "operator", container: "web" },
    { role: "operator", cluster: "local" },
  ];
  const { secret } = await access.createToken({ name: "scoped", role: "none", grants });
  const scoped = createClient(ContainerService, bearerTransport(plane.plane.url, secret));
  const { nodes } = await createClient(NodeService, plane.transport).listNodes({});
  const targetNode = nodes.find(({ id }) => id !== container?.nodeId)?.name ?? expect.fail("there is one node");
  const wish = { id: "web", targetNode, requestId: randomUUID() };
  const first = await scoped.migrateContainer(wish);
  await rig.pass(1_000);
  expect(await scoped.migrateContainer(wish)).toEqual(first);
  await sql("delete from role_grant where scope_kind = 'cluster'");
  const another = () => scoped.migrateContainer({ ...wish, requestId: randomUUID() });
  await vi.waitFor(async () => expect(await refusal(another())).toBe("unknown_node target_node"), 10_000);
  expect(await refusal(scoped.migrateContainer(wish))).toBe("unknown_node target_node");
});

test("after a day the name is free again, and old names are deleted", async () => {
  const wish = web();
  await containers.createContainer(wish);
  await sql("update named_request set created_at = ?", [new Date(systemClock.wallMs() - REQUEST_NAMED_MS - 1_000)]);
  expect(await refusal(containers.createContainer(wish))).toBe("name_taken name");
  await containers.createContainer({ ...web(), name: "young" });
  await sql("update named_request set created_at = ? where request_id <> ?", [
    new Date(systemClock.wallMs() - REQUEST_NAMED_MS - 1_000),
    wish.requestId,
  ]);
  await forgetThePast(rig.database.database, DEFAULT_RETENTION, systemClock.wallMs());
  expect(await sql("select 1 from named_request")).toHaveLength(0);
});

test("a caller has a bounded number of names", async () => {
  await containers.createContainer(web());
  await sql(
    `insert into named_request select caller, gen_random_uuid(), method, secret_key, digest, answer, begun_at, created_at
       from named_request, generate_series(1, ?)`,
    [NAMED_REQUESTS_MAX - 1],
  );
  expect(await refusal(containers.createContainer({ ...web(), name: "more" }))).toBe("rate_limited request_id");
  await containers.createContainer({ ...web(), name: "more", requestId: "" });
});
