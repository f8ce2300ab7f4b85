import { create, type DescMethod, type DescMethodStreaming, type DescMethodUnary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createContextValues, type HandlerContext } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AccessService,
  ContainerService,
  CreateContainerRequestSchema,
  EventService,
  file_lormas_api_v1_services,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ruleOf } from "../permissions/method-rules.ts";
import { isPermission } from "../permissions/permission.ts";
import { BUILT_IN_ROLES, ROLE_NAMES, type RoleName } from "../permissions/role.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { ApiTokenStore, LAST_USE_STEP_MS, TOKENS_MAX } from "../store/api-token-store.ts";
import { bearerTransport } from "./bearer-transport.ts";
import { callerKey } from "./call-context.ts";
import { callRefusal } from "./call-refusal.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";
import { createContainer } from "./services/create-container.ts";
import type { PlaneContext } from "./services/plane-context.ts";

let rig: PublicPlaneRig;
/** A token of each role. */
const secrets = new Map<RoleName, string>();

beforeAll(async () => {
  rig = await startPublicPlaneRig();
  for (const role of ROLE_NAMES) {
    const { secret } = await access(rig.token).createToken({ name: `a-${role}`, role });
    secrets.set(role, secret);
  }
});
afterAll(() => rig.close());

const transport = (token: string) => bearerTransport(rig.plane.url, token);
const access = (token: string) => createClient(AccessService, transport(token));
const of = (role: RoleName): string => secrets.get(role) ?? "";
const tokens = () => new ApiTokenStore(rig.database.database.orm, systemClock);
const everyMethod: DescMethod[] = file_lormas_api_v1_services.services.flatMap((service) => service.methods);

/** What becomes of a call with an empty message: refused for want of permission, or anything else. */
async function isDenied(method: DescMethod, token: string): Promise<boolean> {
  const grpc = createGrpcTransport({ baseUrl: rig.plane.url });
  const headers = { authorization: `Bearer ${token}` };
  const abort = new AbortController();
  try {
    if (method.methodKind === "unary") {
      const unary = method as DescMethodUnary;
      await grpc.unary(unary, undefined, undefined, headers, create(unary.input));
    } else {
      const stream = method as DescMethodStreaming;
      const input = (async function* () {
        yield create(stream.input);
      })();
      const answer = await grpc.stream(stream, abort.signal, undefined, headers, input);
      await answer.message[Symbol.asyncIterator]().next();
    }
    return false;
  } catch (error) {
    return ConnectError.from(error).code === Code.PermissionDenied;
  } finally {
    abort.abort();
  }
}

test("every method that is served has a rule", () => {
  expect(everyMethod.filter((method) => ruleOf(method) === null).map(({ name }) => name)).toEqual([]);
});

describe.each(ROLE_NAMES)("as %s", (role) => {
  test("every method is granted or denied as its rule and the table of roles say", async () => {
    for (const method of everyMethod) {
      const rule = ruleOf(method) ?? expect.fail(method.name);
      const may = !isPermission(rule) || BUILT_IN_ROLES.get(role)?.permits(rule) !== null;
      expect([method.name, await isDenied(method, of(role))]).toEqual([method.name, !may]);
    }
  });

  test("REST denies what the methods deny, with 403 and what would help", async () => {
    const answer = await fetch(`${rig.plane.url}/api/v1/tokens`, { headers: { authorization: `Bearer ${of(role)}` } });
    expect(answer.status).toBe(role === "superadmin" ? 200 : 403);
    if (role === "superadmin") return;
    expect(await answer.json()).toMatchObject({
      error: {
        code: "permission_denied",
        message: `token a-${role} has the role ${role}, which does not grant token:manage.`,
        nextStep: "Use a token or an account of a role that may: superadmin.",
      },
    });
  });
});

test("a role that this version does not know grants nothing, and is named", async () => {
  const { secret } = await access(rig.token).createToken({ name: "later", role: "viewer" });
  await rig.database.database.orm.em.fork().execute("update api_token set role = 'archivist' where name = 'later'");
  const { code, message } = await callRefusal(createClient(ContainerService, transport(secret)).listContainers({}));
  expect(code).toBe(Code.PermissionDenied);
  expect(message).toBe("token later has no role that this version knows, so nothing grants container:view.");
});

test("an HA container needs a permission of its own, which is looked at once the request is read", async () => {
  const request = create(CreateContainerRequestSchema, { name: "web", eggId: "no-such-egg", type: ContainerType.HA });
  const asDeveloper = await callRefusal(
    createClient(ContainerService, transport(of("developer"))).createContainer(request),
  );
  expect(asDeveloper.detail?.code).toBe("unknown_egg");
  // No role that ships may create the one and not the other: the service itself, with a caller of no role.
  const values = createContextValues().set(callerKey, {
    ...{ kind: "token", id: "", person: "", name: "x", role: "", grants: [] },
    ...{ tokenPrefix: "", expiresAt: null, sessionId: "" },
  });
  // All that is read of a context before the refusal; the plane behind it must not be touched at all.
  const context = { values, method: { name: "CreateContainer" } } as unknown as HandlerContext;
  const asNobody = await callRefusal(createContainer({} as PlaneContext, request, context));
  expect(asNobody.message).toContain("container:ha:create");
});

test("a caller is told who it is, what it may, and why or why not", async () => {
  const me = await access(of("developer")).whoAmI({});
  expect(me).toMatchObject({ kind: "token", name: "a-developer", role: "developer" });
  expect(me.permissions).toContain("container:ha:create");
  expect(me.permissions).not.toContain("migration:manage");
  expect(await access(of("operator")).canI({ permission: "container:start" })).toMatchObject({
    allowed: true,
    reason: "The role developer grants container:*, which the role operator includes.",
  });
  expect(await access(of("viewer")).canI({ permission: "container:start" })).toMatchObject({
    allowed: false,
    reason:
      "token a-viewer has the role viewer, which does not grant container:start. These may: superadmin, operator, developer.",
  });
  expect((await callRefusal(access(of("viewer")).canI({ permission: "container:fly" }))).detail).toMatchObject({
    code: "invalid_argument",
    field: "permission",
  });
  const { roles, permissions } = await access(of("viewer")).listRoles({});
  expect(roles.map(({ name }) => name)).toEqual(ROLE_NAMES);
  expect(permissions.length).toBeGreaterThan(20);
});

test("a token is listed without its secret, has a name of its own, and is noted when it is used", async () => {
  const { token, secret } = await access(rig.token).createToken({ name: "ci", role: "viewer" });
  expect(secret).toMatch(/^lormas_[\w-]{43}$/);
  expect(token).toMatchObject({ name: "ci", role: "viewer", prefix: secret.slice(0, 12), createdBy: "token:admin" });
  expect(token?.lastUsedAt).toBeUndefined();
  expect((await callRefusal(access(rig.token).createToken({ name: "ci", role: "viewer" }))).detail?.code).toBe(
    "name_taken",
  );
  await access(secret).whoAmI({});
  const listed = (await access(rig.token).listTokens({})).tokens.find(({ name }) => name === "ci");
  expect(listed?.lastUsedAt).toBeDefined();
  expect(JSON.stringify(listed, (_, value) => (typeof value === "bigint" ? String(value) : value))).not.toContain(
    secret.slice(12),
  );
  const row = (await tokens().valid()).find(({ name }) => name === "ci") ?? expect.fail("it is not kept");
  const stepped = (ms: number) =>
    new ApiTokenStore(rig.database.database.orm, {
      ...systemClock,
      wallMs: () => (row.lastUsedAt?.getTime() ?? 0) + ms,
    });
  await stepped(LAST_USE_STEP_MS - 1).noteUse(row);
  expect((await tokens().findValid(row.tokenHash))?.lastUsedAt).toEqual(row.lastUsedAt);
  await stepped(LAST_USE_STEP_MS).noteUse(row);
  expect((await tokens().findValid(row.tokenHash))?.lastUsedAt).not.toEqual(row.lastUsedAt);
});

test("a token that has expired is nobody's, and its name is free again", async () => {
  const { token } = await access(rig.token).createToken({ name: "short", role: "viewer", lifetimeSeconds: 3_600 });
  expect(token?.expiresAt).toBeDefined();
  const row = (await tokens().valid()).find(({ name }) => name === "short") ?? expect.fail("it is not kept");
  const later = { ...systemClock, wallMs: () => systemClock.wallMs() + 3_601_000 };
  const then = new ApiTokenStore(rig.database.database.orm, later);
  expect(await tokens().findValid(row.tokenHash)).not.toBeNull();
  expect(await then.findValid(row.tokenHash)).toBeNull();
  expect((await then.valid()).map(({ name }) => name)).not.toContain("short");
  const again = {
    name: "short",
    hash: "0".repeat(64),
    prefix: "",
    role: "viewer",
    createdBy: "t",
    expiresAt: null,
  } as const;
  await then.create(again);
  expect((await then.valid()).filter(({ name }) => name === "short")).toHaveLength(1);
});

test("nobody hands out a role that may more than his own, or one that there is not", async () => {
  const operator = access(of("operator"));
  expect((await callRefusal(operator.createToken({ name: "more", role: "viewer" }))).code).toBe(Code.PermissionDenied);
  expect((await callRefusal(access(rig.token).createToken({ name: "king", role: "king" }))).detail).toMatchObject({
    code: "invalid_argument",
    field: "role",
  });
});

test("a revoked token is refused at once, and its open watch ends within five seconds", async () => {
  const { secret } = await access(rig.token).createToken({ name: "gone", role: "viewer" });
  const watch = createClient(EventService, transport(secret)).watch({});
  const ended = (async () => {
    for await (const _ of watch);
  })().then(
    () => null,
    (error: unknown) => ConnectError.from(error).code,
  );
  await access(secret).whoAmI({});
  const begunMs = systemClock.bootMs();
  await access(rig.token).revokeToken({ name: "gone" });
  expect((await callRefusal(access(secret).whoAmI({}))).code).toBe(Code.Unauthenticated);
  expect(await ended).toBe(Code.Unauthenticated);
  expect(systemClock.bootMs() - begunMs).toBeLessThan(5_000);
  expect((await callRefusal(access(rig.token).revokeToken({ name: "gone" }))).detail?.code).toBe("not_found");
}, 20_000);

test("of two tokens of one name at once one is made, and one more than may be valid is refused", async () => {
  const twice = await Promise.allSettled([
    access(rig.token).createToken({ name: "twin", role: "viewer" }),
    access(rig.token).createToken({ name: "twin", role: "viewer" }),
  ]);
  expect(twice.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  const valid = (await tokens().valid()).length;
  await rig.database.database.orm.em.fork().execute(
    `insert into api_token (token_hash, name, role, created_at)
     select 'full-' || n, 'full-' || n, 'viewer', now() from generate_series(1, ?) n`,
    [TOKENS_MAX - valid],
  );
  const { detail } = await callRefusal(access(rig.token).createToken({ name: "over", role: "viewer" }));
  expect(detail?.message).toContain("1000 tokens are valid already");
  const [row] = await rig.database.database.orm.em
    .fork()
    .execute<{ count: number }[]>("select count(*)::int as count from api_token where revoked_at is null");
  expect(row?.count).toBe(TOKENS_MAX);
});

describe("people", () => {
  const admin = () => access(rig.token);
  const signIn = async (email: string, password: string) => {
    const answer = await fetch(`${rig.plane.url}/api/auth/sign-in/email`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email, password }),
    });
    return { status: answer.status, cookie: (answer.headers.getSetCookie()[0] ?? "").split(";")[0] ?? "" };
  };
  const changePassword = (cookie: string, currentPassword: string, newPassword: string) =>
    fetch(`${rig.plane.url}/api/auth/change-password`, {
      method: "POST",
      headers: { "content-type": "application/json", cookie, origin: rig.plane.url },
      body: JSON.stringify({ currentPassword, newPassword }),
    });
  const ask = (cookie: string, path: string) => fetch(`${rig.plane.url}${path}`, { headers: { cookie } });

  test("somebody who was made signs in, must choose a password, and then may what the role may", async () => {
    const { user, password } = await admin().createUser({ email: "Ann@Example.org", role: "developer" });
    expect(user).toMatchObject({ email: "ann@example.org", role: "developer", mustChangePassword: true });
    const first = await signIn("ann@example.org", password);
    expect((await ask(first.cookie, "/api/v1/containers")).status).toBe(403);
    expect((await changePassword(first.cookie, password, "a password of my own")).status).toBe(200);
    expect((await ask(first.cookie, "/api/v1/containers")).status).toBe(200);
    expect((await ask(first.cookie, "/api/v1/users")).status).toBe(403);
    expect(await (await ask(first.cookie, "/api/v1/access/me")).json()).toMatchObject({
      kind: "session",
      name: "ann@example.org",
      role: "developer",
    });
    const { users } = await admin().listUsers({});
    expect(users.find(({ email }) => email === "ann@example.org")).toMatchObject({
      mustChangePassword: false,
      sessionCount: 1,
    });
    expect((await callRefusal(admin().createUser({ email: "ann@example.org", role: "viewer" }))).detail?.code).toBe(
      "name_taken",
    );
  });

  test("another role holds for the open session, an ended session is over, and a removed account too", async () => {
    const { password } = await admin().createUser({ email: "bob@example.org", name: "Bob", role: "viewer" });
    const { cookie } = await signIn("bob@example.org", password);
    await changePassword(cookie, password, "a password of my own");
    expect((await ask(cookie, "/api/v1/tokens")).status).toBe(403);
    await admin().updateUser({ email: "bob@example.org", role: "superadmin" });
    expect((await ask(cookie, "/api/v1/tokens")).status).toBe(200);
    expect((await admin().endSessions({ email: "BOB@example.org" })).ended).toBe(1);
    expect((await ask(cookie, "/api/v1/tokens")).status).toBe(401);
    const again = await signIn("bob@example.org", "a password of my own");
    await admin().deleteUser({ email: "bob@example.org" });
    expect((await ask(again.cookie, "/api/v1/tokens")).status).toBe(401);
    expect((await signIn("bob@example.org", "a password of my own")).status).toBe(401);
    expect((await callRefusal(admin().deleteUser({ email: "bob@example.org" }))).detail?.code).toBe("not_found");
  });

  test("a reset password ends every session, is shown once and must be changed", async () => {
    const { password } = await admin().createUser({ email: "eve@example.org", role: "viewer" });
    const { cookie } = await signIn("eve@example.org", password);
    const reset = await admin().resetPassword({ email: "eve@example.org" });
    expect(reset.user).toMatchObject({ mustChangePassword: true, sessionCount: 0 });
    expect((await ask(cookie, "/api/v1/access/me")).status).toBe(401);
    expect((await signIn("eve@example.org", password)).status).toBe(401);
    expect((await signIn("eve@example.org", reset.password)).status).toBe(200);
  });

  test("the last superadmin can neither be removed nor be anything less, whoever asks at the same time", async () => {
    const { users } = await admin().listUsers({});
    const [last] = users.filter(({ role }) => role === "superadmin");
    const email = last?.email ?? "";
    expect(users.filter(({ role }) => role === "superadmin")).toHaveLength(1);
    expect((await callRefusal(admin().deleteUser({ email }))).detail?.code).toBe("last_superadmin");
    expect((await callRefusal(admin().updateUser({ email, role: "viewer" }))).detail?.code).toBe("last_superadmin");
    await admin().createUser({ email: "second@example.org", role: "superadmin" });
    const both = await Promise.allSettled([
      admin().updateUser({ email, role: "viewer" }),
      admin().deleteUser({ email: "second@example.org" }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const left = (await admin().listUsers({})).users.filter(({ role }) => role === "superadmin");
    expect(left).toHaveLength(1);
  });

  test("accounts are listed in pages by address, and bad ones are refused by field", async () => {
    for (const name of ["p1", "p2", "p3"]) await admin().createUser({ email: `${name}@pages.org`, role: "viewer" });
    const all = (await admin().listUsers({})).users.map(({ email }) => email);
    const paged: string[] = [];
    for (let pageToken = "", more = true; more; more = pageToken !== "") {
      const page = await admin().listUsers({ pageSize: 2, pageToken });
      paged.push(...page.users.map(({ email }) => email));
      pageToken = page.nextPageToken;
    }
    expect(paged).toEqual(all);
    expect((await callRefusal(admin().createUser({ email: "no address", role: "viewer" }))).detail).toMatchObject({
      code: "invalid_argument",
      field: "email",
    });
    expect((await callRefusal(admin().createUser({ email: "k@example.org", role: "king" }))).detail?.field).toBe(
      "role",
    );
  });
});
