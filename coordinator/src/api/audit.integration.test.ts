import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AccessService,
  AuditService,
  ContainerService,
  EggService,
  NodeService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ADMIN, type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";
import { EXPORT_PAGE_SIZE } from "./services/audit-service.ts";

let rig: PublicPlaneRig;
beforeEach(async () => {
  rig = await startPublicPlaneRig();
});
afterEach(() => rig.close());

const transport = (token = rig.token) =>
  createGrpcTransport({
    baseUrl: rig.plane.url,
    interceptors: [
      (next) => (request) => {
        if (token !== "") request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
const access = () => createClient(AccessService, transport());
const containers = (token?: string) => createClient(ContainerService, transport(token));
const audit = (token?: string) => createClient(AuditService, transport(token));
const entries = async (filter: Parameters<ReturnType<typeof audit>["listAuditEntries"]>[0] = {}) =>
  (await audit().listAuditEntries(filter)).entries;
const refused = async (call: Promise<unknown>) => {
  const error = ConnectError.from(
    await call.then(
      () => expect.fail("it was granted"),
      (thrown: unknown) => thrown,
    ),
  );
  return { code: error.code, detail: error.findDetails(ErrorDetailSchema)[0]?.code };
};
const run = <Row>(sql: string, params: unknown[] = []) =>
  rig.database.database.orm.em.fork().execute<Row[]>(sql, params);
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${rig.plane.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: rig.plane.url, ...headers },
    body: JSON.stringify(body),
  });
const rest = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${rig.plane.url}${path}`, { headers: { authorization: `Bearer ${rig.token}`, ...headers } });
const web = { name: "web", eggId: "hello-http" };
const db = { name: "db", eggId: "postgres", environment: { POSTGRES_PASSWORD: "hunter2-canary" } };

describe("a call that changes something", () => {
  test("is there with who, what, from where, and what it made, and over REST too", async () => {
    await containers().createContainer(web);
    await post("/api/v1/containers/web/stop", {}, { authorization: `Bearer ${rig.token}` });
    const [stopped, created] = await entries({ object: "web" });
    expect(created).toMatchObject({
      ...{ actorKind: "administrator", actorName: "admin", tokenPrefix: rig.token.slice(0, 12) },
      ...{ method: "ContainerService/CreateContainer", permission: "container:create" },
      ...{ objectKind: "container", objectName: "web", decision: "allowed", outcome: "ok", count: 1 },
      request: { name: "web", eggId: "hello-http" },
      after: { name: "web", desiredState: "DESIRED_STATE_RUNNING" },
    });
    expect(created?.objectId).toMatch(/^[0-9a-f-]{36}$/);
    expect(created?.address).toContain("127.0.0.1");
    expect(created?.before).toBeUndefined();
    expect(stopped).toMatchObject({
      ...{ method: "ContainerService/StopContainer", objectId: created?.objectId, objectName: "web" },
      before: { desiredState: "DESIRED_STATE_RUNNING" },
      after: { desiredState: "DESIRED_STATE_STOPPED" },
    });
    expect(Object.keys(stopped?.before ?? {})).not.toContain("name");
  });

  test("names what it made also where the request names nothing: an egg's id follows from its text", async () => {
    const content = JSON.stringify({ meta: { version: "PTDL_v2" }, name: "Paper Server", startup: "java" });
    await createClient(EggService, transport()).importEgg({ content });
    const [imported] = await entries({ object: "paper-server" });
    expect(imported).toMatchObject({ method: "EggService/ImportEgg", objectKind: "egg", objectId: "paper-server" });
  });

  test("and fails is there with its error, what it names included, and what it did not change is not", async () => {
    expect((await refused(containers().startContainer({ id: "nothing" }))).code).toBe(Code.NotFound);
    expect(await entries({ object: "nothing" })).toMatchObject([
      { decision: "allowed", outcome: "not_found", reason: 'There is no container "nothing".' },
    ]);
    expect((await refused(containers().createContainer({ name: "BAD", eggId: "x" }))).code).toBe(Code.InvalidArgument);
    expect(await entries({ object: "BAD" })).toEqual([]);
    const before = (await entries()).length;
    await containers().listContainers({});
    expect(await entries()).toHaveLength(before);
  });

  test("does nothing when its entry cannot be written, and says that it did not", async () => {
    await run("revoke insert on audit_entry from current_user");
    expect(await refused(containers().createContainer(web))).toEqual({
      code: Code.Unavailable,
      detail: "audit_unavailable",
    });
    expect(await refused(access().createToken({ name: "ci", role: "viewer" }))).toMatchObject({
      detail: "audit_unavailable",
    });
    const signedIn = await post("/api/auth/sign-in/email", ADMIN);
    expect([signedIn.status, signedIn.headers.getSetCookie()]).toEqual([503, []]);
    await run("grant insert on audit_entry to current_user");
    expect((await containers().listContainers({})).containers).toEqual([]);
    expect((await access().listTokens({})).tokens.map(({ name }) => name)).toEqual(["admin"]);
    await containers().createContainer(web);
  });

  test("leaves no secret anywhere in the trail, whoever made it and however it ended", async () => {
    await containers().createContainer(db);
    await refused(containers().createContainer(db));
    await refused(containers().createContainer({ ...db, name: "db2", environment: { NO_SUCH: "other-canary" } }));
    await containers().deleteContainer({ id: "db" });
    const { secret } = await access().createToken({ name: "ci", role: "viewer" });
    const { password } = await access().createUser({ email: "ann@example.org", role: "viewer" });
    const reset = await access().resetPassword({ email: "ann@example.org" });
    const { token } = await createClient(NodeService, transport()).createJoinToken({ cluster: "local" });
    await post("/api/auth/sign-in/email", { email: "ann@example.org", password: "wrong-canary" });
    await post("/api/auth/sign-in/email", { email: "typed-password-canary", password: "x" });
    await access().revokeToken({ name: "ci" });
    await access().deleteUser({ email: "ann@example.org" });
    await expect.poll(async () => (await entries({ method: "auth/sign-in" })).length).toBe(2);
    const [row] = await run<{ all: string }>("select string_agg(to_jsonb(e)::text, ' ') as all from audit_entry e");
    const text = row?.all ?? "";
    for (const canary of ["hunter2-canary", "other-canary", "wrong-canary", "typed-password-canary"]) {
      expect(text).not.toContain(canary);
    }
    for (const one of [secret, password, reset.password, token, rig.token]) {
      expect(text).not.toContain(one);
      expect(text).not.toContain(one.slice(-8));
    }
    expect(text).toContain('"POSTGRES_PASSWORD": "***"');
  });
});

describe("a denial", () => {
  test("is there with the permission that was lacking, and the same one again is counted", async () => {
    const { secret } = await access().createToken({ name: "looker", role: "viewer" });
    for (let times = 0; times < 3; times += 1) {
      expect((await refused(containers(secret).createContainer(web))).code).toBe(Code.PermissionDenied);
    }
    expect((await refused(containers(secret).streamLogs({ id: "web" })[Symbol.asyncIterator]().next())).code).toBe(
      Code.PermissionDenied,
    );
    const denied = () => entries({ actor: "looker", decision: "denied" });
    await expect.poll(denied).toHaveLength(2);
    expect((await denied()).at(1)).toMatchObject({
      ...{ actorKind: "token", method: "ContainerService/CreateContainer", permission: "container:create" },
      ...{ outcome: "permission_denied", count: 1 },
      reason: "token looker has the role viewer, which does not grant container:create.",
    });
    await rig.plane.stop();
    const [counted] = await run<{ count: number }>("select count from audit_entry where since is not null");
    expect(counted?.count).toBe(2);
  });

  test("of one without credentials is anonymous", async () => {
    expect((await refused(containers("").listContainers({}))).code).toBe(Code.Unauthenticated);
    await expect
      .poll(() => entries({ decision: "denied" }))
      .toMatchObject([
        {
          actorKind: "anonymous",
          actorName: "",
          method: "ContainerService/ListContainers",
          outcome: "unauthenticated",
        },
      ]);
  });
});

describe("signing in", () => {
  const NEW_PASSWORD = "quite another password";
  const cookieOf = (answer: Response) => (answer.headers.getSetCookie()[0] ?? "").split(";")[0] ?? "";

  test("out, in vain, and a password that is changed, are there", async () => {
    await post("/api/auth/sign-in/email", { ...ADMIN, password: "not the password" });
    const cookie = cookieOf(await post("/api/auth/sign-in/email", ADMIN));
    const change = (currentPassword: string) =>
      post("/api/auth/change-password", { currentPassword, newPassword: NEW_PASSWORD }, { cookie });
    expect((await change("not the password")).status).toBe(400);
    expect((await change(ADMIN.password)).status).toBe(200);
    expect((await post("/api/auth/sign-out", {}, { cookie })).status).toBe(200);
    const ofAdmin = async () => (await entries({ object: ADMIN.email })).reverse();
    await expect.poll(ofAdmin).toHaveLength(6);
    const user = { actorKind: "user", actorName: ADMIN.email, objectKind: "user" };
    expect(await ofAdmin()).toMatchObject([
      { method: "system/create-user", actorKind: "system" },
      { method: "auth/sign-in", actorKind: "anonymous", decision: "denied", outcome: "invalid_email_or_password" },
      { method: "auth/sign-in", ...user, decision: "allowed", outcome: "ok" },
      { method: "auth/change-password", ...user, decision: "denied", outcome: "invalid_password" },
      { method: "auth/change-password", ...user, decision: "allowed", outcome: "ok" },
      { method: "auth/sign-out", ...user, decision: "allowed", outcome: "ok" },
    ]);
  });
});

describe("the request id", () => {
  test("is the caller's own where it is fit to be one, in the answer and in the entry", async () => {
    const headers = { authorization: `Bearer ${rig.token}`, "x-request-id": "deploy.2026-11_7" };
    const answer = await post("/api/v1/containers", web, headers);
    expect(answer.headers.get("x-request-id")).toBe("deploy.2026-11_7");
    await containers().stopContainer({ id: "web" }, { headers: { "x-request-id": "by-grpc-1" } });
    expect((await entries({ object: "web" })).map(({ requestId }) => requestId)).toEqual([
      "by-grpc-1",
      "deploy.2026-11_7",
    ]);
  });

  test.each(["short", "x".repeat(65), "with space", 'quo"te-quo"te'])("is made where %s was given", async (given) => {
    const answer = await rest("/api/v1/nodes", { "x-request-id": given });
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe("reading the trail", () => {
  test("takes audit:view, which a developer has not", async () => {
    const { secret } = await access().createToken({ name: "dev", role: "developer" });
    expect((await refused(audit(secret).listAuditEntries({}))).code).toBe(Code.PermissionDenied);
    const exported = await fetch(`${rig.plane.url}/api/v1/audit`, {
      headers: { authorization: `Bearer ${secret}`, accept: "application/x-ndjson" },
    });
    expect([exported.status, await exported.json()]).toMatchObject([403, { error: { code: "permission_denied" } }]);
  });

  test("as NDJSON gives every entry that fits, oldest first, past the size of a page, and none twice", async () => {
    await run(
      `insert into audit_entry (actor_kind, actor_name, method, decision, outcome)
         select 'token', 'robot', 'm/' || n, 'allowed', 'ok' from generate_series(1, ?) n`,
      [2 * EXPORT_PAGE_SIZE + 1],
    );
    const answer = await rest("/api/v1/audit?actor=robot", { accept: "application/x-ndjson" });
    expect(answer.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
    const lines = (await answer.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { method: string });
    expect(lines.map(({ method }) => method)).toEqual(lines.map((_, index) => `m/${index + 1}`));
    expect(lines).toHaveLength(2 * EXPORT_PAGE_SIZE + 1);
    const streamed: string[] = [];
    for await (const { entry } of audit().exportAuditEntries({ actor: "robot" })) streamed.push(entry?.method ?? "");
    expect(streamed).toHaveLength(lines.length);
  });

  test("refuses what fits no entry, by the field's name", async () => {
    const lines = { accept: "application/x-ndjson" };
    for (const [query, headers, field] of [
      ["decision=perhaps", {}, "decision"],
      ["page_size=1001", {}, "page_size"],
      ["page_size=1", lines, "page_size"],
      ["from=yesterday", lines, "from"],
      ["nonsense=1", lines, "nonsense"],
    ] as const) {
      const answer = await rest(`/api/v1/audit?${query}`, headers);
      expect([query, answer.status, await answer.json()]).toMatchObject([query, 400, { error: { field } }]);
    }
    const from = new Date(Date.UTC(2200, 0)).toISOString();
    expect(await (await rest(`/api/v1/audit?from=${from}`)).json()).toEqual({ entries: [], nextPageToken: "" });
  });
});

test("what the coordinator itself makes at its first start is there", async () => {
  const own = (await entries({ actor: "coordinator" })).map(({ method, objectName }) => [method, objectName]);
  expect(own).toEqual([
    ["system/create-user", ADMIN.email],
    ["system/create-token", "admin"],
  ]);
  expect(await refused(access().createToken({ name: "admin", role: "viewer" }))).toMatchObject({
    detail: "invalid_argument",
  });
});
