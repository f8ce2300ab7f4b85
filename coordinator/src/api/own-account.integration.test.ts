import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AccessService,
  AuditService,
  EventService,
  type UpdateProfileRequestSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SESSIONS_PER_PERSON_MAX } from "../identity/sessions.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { ApiTokenStore, MakerGone } from "../store/api-token-store.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

const OWN = "a password of my own";

const as = (headers: Record<string, string>) =>
  createConnectTransport({
    baseUrl: rig.plane.url,
    httpVersion: "1.1",
    interceptors: [
      (next) => (request) => {
        for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
        return next(request);
      },
    ],
  });
const bearer = (token: string) => createClient(AccessService, as({ authorization: `Bearer ${token}` }));
const admin = () => bearer(rig.token);
const me = (cookie: string) => createClient(AccessService, as({ cookie }));

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(rig.plane.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", origin: rig.plane.url, ...headers },
    body: JSON.stringify(body),
  });
const cookieOf = (answer: Response) => (answer.headers.getSetCookie()[0] ?? "").split(";")[0] ?? "";
const signIn = async (email: string, password = OWN, program = "test") => {
  const answer = await post("/api/auth/sign-in/email", { email, password }, { "user-agent": program });
  expect(answer.status).toBe(200);
  return cookieOf(answer);
};
const changePassword = (cookie: string, currentPassword: string, newPassword: string, more = {}) =>
  post("/api/auth/change-password", { currentPassword, newPassword, ...more }, { cookie });
/** Somebody with a password of his own, and no session. */
const person = async (email: string, role = "viewer") => {
  const { password } = await admin().createUser({ email, name: "Somebody", role });
  expect((await changePassword(await signIn(email, password), password, OWN)).status).toBe(200);
  await admin().endSessions({ email });
};
async function refusal(call: Promise<unknown>) {
  const error = ConnectError.from(
    await call.then(
      () => expect.fail("it was granted"),
      (thrown: unknown) => thrown,
    ),
  );
  return { code: error.code, detail: error.findDetails(ErrorDetailSchema)[0] };
}

test("somebody sees where he is signed in, from where, with what and when last, and which one asks", async () => {
  await person("ann@example.org");
  const [first, second] = [await signIn("ann@example.org", OWN, "a browser"), await signIn("ann@example.org")];
  await me(first).whoAmI({});
  const { sessions } = await me(second).listOwnSessions({});
  expect(sessions).toHaveLength(2);
  expect(sessions.filter(({ current }) => current)).toHaveLength(1);
  const other = sessions.find(({ current }) => !current);
  expect(other).toMatchObject({ email: "ann@example.org", userAgent: "a browser", address: "127.0.0.1" });
  expect(other?.lastUsedAt?.seconds).toBeGreaterThanOrEqual(other?.createdAt?.seconds ?? expect.fail("no time"));
  expect(other?.expiresAt?.seconds).toBeGreaterThan(other?.lastUsedAt?.seconds ?? 0n);
  // The id is shown, so it must not be what lets somebody in.
  for (const { id } of sessions) expect(first + second).not.toContain(id);
  const listed = await fetch(`${rig.plane.url}/api/v1/users/ann@example.org/sessions`, {
    headers: { authorization: `Bearer ${rig.token}` },
  });
  expect(await listed.json()).toMatchObject({ sessions: [{ email: "ann@example.org" }, {}] });
});

test("a session that its owner ends is refused at once, and its open watch ends within five seconds", async () => {
  await person("bob@example.org");
  const [kept, lost] = [await signIn("bob@example.org"), await signIn("bob@example.org")];
  const watch = createClient(EventService, as({ cookie: lost })).watch({});
  const ended = (async () => {
    for await (const _ of watch);
  })().then(
    () => null,
    (error: unknown) => ConnectError.from(error).code,
  );
  const { sessions } = await me(lost).listOwnSessions({});
  const id = sessions.find(({ current }) => current)?.id ?? "";
  const begunMs = systemClock.bootMs();
  await me(kept).endOwnSession({ id });
  expect((await refusal(me(lost).whoAmI({}))).code).toBe(Code.Unauthenticated);
  expect(await ended).toBe(Code.Unauthenticated);
  expect(systemClock.bootMs() - begunMs).toBeLessThan(5_000);
  expect((await me(kept).listOwnSessions({})).sessions).toHaveLength(1);
  expect((await refusal(me(kept).endOwnSession({ id }))).detail?.code).toBe("not_found");
}, 20_000);

test("all other sessions end at once; the one that asks goes on", async () => {
  await person("eve@example.org");
  const cookies = [await signIn("eve@example.org"), await signIn("eve@example.org"), await signIn("eve@example.org")];
  expect((await me(cookies[0] ?? "").endOtherSessions({})).ended).toBe(2);
  expect((await me(cookies[0] ?? "").whoAmI({})).name).toBe("eve@example.org");
  for (const cookie of cookies.slice(1)) {
    expect((await refusal(me(cookie).whoAmI({}))).code).toBe(Code.Unauthenticated);
  }
});

test("nobody ends the session of another but an administrator, and a token has none", async () => {
  await person("ida@example.org");
  await person("jon@example.org");
  const [ida, jon] = [await signIn("ida@example.org"), await signIn("jon@example.org")];
  const id = (await me(ida).listOwnSessions({})).sessions[0]?.id ?? "";
  expect((await refusal(me(jon).endOwnSession({ id }))).detail?.code).toBe("not_found");
  expect((await refusal(me(jon).endUserSession({ email: "ida@example.org", id }))).code).toBe(Code.PermissionDenied);
  expect((await refusal(me(jon).listUserSessions({ email: "ida@example.org" }))).code).toBe(Code.PermissionDenied);
  expect((await refusal(admin().endUserSession({ email: "jon@example.org", id }))).detail?.code).toBe("not_found");
  expect((await me(ida).whoAmI({})).name).toBe("ida@example.org");
  await admin().endUserSession({ email: "IDA@example.org", id });
  expect((await refusal(me(ida).whoAmI({}))).code).toBe(Code.Unauthenticated);
  const calls = [() => admin().listOwnSessions({}), () => admin().getProfile({}), () => admin().endOtherSessions({})];
  for (const call of calls) expect((await refusal(call())).detail?.code).toBe("no_account");
  for (const wrong of ["", "x'; drop table session", "ü", "x".repeat(65)]) {
    expect((await refusal(me(jon).endOwnSession({ id: wrong }))).detail).toMatchObject({
      code: "invalid_argument",
      field: "id",
    });
  }
});

test("of one person at most 100 sessions are open: one more ends the oldest", async () => {
  await person("many@example.org");
  const oldest = await signIn("many@example.org");
  await rig.database.database.orm.em.fork().execute(
    `insert into auth.session (id, "userId", token, "expiresAt", "createdAt", "updatedAt")
     select 'many-' || n, u.id, 'many-' || n, now() + interval '1 day', now() + n * interval '1 ms', now()
       from auth."user" u, generate_series(1, ?) n where u.email = 'many@example.org'`,
    [SESSIONS_PER_PERSON_MAX - 1],
  );
  expect((await me(oldest).listOwnSessions({})).sessions).toHaveLength(SESSIONS_PER_PERSON_MAX);
  const newest = await signIn("many@example.org");
  const { sessions } = await me(newest).listOwnSessions({});
  expect(sessions).toHaveLength(SESSIONS_PER_PERSON_MAX);
  await expect
    .poll(async () => (await refusal(me(oldest).whoAmI({}))).code, { timeout: 5_000 })
    .toBe(Code.Unauthenticated);
});

test("whoever made a token lists and revokes it, and a token itself, though neither may manage tokens", async () => {
  await person("tom@example.org", "superadmin");
  const tom = await signIn("tom@example.org");
  const { secret } = await me(tom).createToken({ name: "toms", role: "viewer" });
  await admin().createToken({ name: "not-toms", role: "viewer" });
  await admin().updateUser({ email: "tom@example.org", role: "viewer" });
  expect((await refusal(me(tom).listTokens({}))).code).toBe(Code.PermissionDenied);
  expect((await me(tom).listOwnTokens({})).tokens.map(({ name }) => name)).toEqual(["toms"]);
  expect((await bearer(secret).listOwnTokens({})).tokens.map(({ name }) => name)).toEqual(["toms"]);
  expect((await refusal(me(tom).revokeOwnToken({ name: "not-toms" }))).detail?.code).toBe("not_found");
  expect((await refusal(bearer(secret).revokeOwnToken({ name: "admin" }))).detail?.code).toBe("not_found");
  await bearer(secret).revokeOwnToken({ name: "toms" });
  expect((await refusal(bearer(secret).whoAmI({}))).code).toBe(Code.Unauthenticated);
});

test("the tokens that somebody made end with his account, and what was made with them, and no other's", async () => {
  await person("ned@example.org", "superadmin");
  const ned = await signIn("ned@example.org");
  const { secret } = await me(ned).createToken({ name: "neds", role: "superadmin" });
  const { secret: made } = await bearer(secret).createToken({ name: "of-neds", role: "viewer" });
  const { secret: others } = await admin().createToken({ name: "not-neds", role: "viewer" });
  await admin().deleteUser({ email: "ned@example.org" });
  for (const gone of [secret, made]) {
    expect((await refusal(bearer(gone).whoAmI({}))).code).toBe(Code.Unauthenticated);
  }
  expect((await bearer(others).whoAmI({})).name).toBe("not-neds");
  const left = (await admin().listTokens({})).tokens.map(({ name }) => name);
  expect(left).toContain("not-neds");
  expect(left).not.toContain("neds");
  expect(left).not.toContain("of-neds");
});

test("a token of one name that another made later stays when the maker of the first one goes", async () => {
  await person("old@example.org", "superadmin");
  const { secret: first } = await me(await signIn("old@example.org")).createToken({
    name: "deploy",
    role: "superadmin",
  });
  await admin().revokeToken({ name: "deploy" });
  const { secret: second } = await admin().createToken({ name: "deploy", role: "superadmin" });
  const { secret: third } = await bearer(second).createToken({ name: "of-deploy", role: "viewer" });
  await admin().deleteUser({ email: "old@example.org" });
  expect((await refusal(bearer(first).whoAmI({}))).code).toBe(Code.Unauthenticated);
  expect((await bearer(second).whoAmI({})).name).toBe("deploy");
  expect((await bearer(third).whoAmI({})).name).toBe("of-deploy");
});

test("whoever is gone makes no token, though he is believed for a moment still", async () => {
  const tokens = new ApiTokenStore(rig.database.database.orm, systemClock);
  const wish = { name: "late", hash: "1".repeat(64), prefix: "", role: "viewer", expiresAt: null };
  for (const createdBy of ["session:gone@example.org", "token:gone"]) {
    await expect(tokens.create({ ...wish, createdBy })).rejects.toThrow(MakerGone);
  }
  expect((await tokens.valid()).map(({ name }) => name)).not.toContain("late");
});

test("somebody changes his own name, language and time zone, each alone, and bad ones change nothing", async () => {
  await person("pia@example.org");
  const pia = await signIn("pia@example.org");
  const { user } = await me(pia).updateProfile({ name: "Pia", locale: "de-ch", timeZone: "europe/zurich" });
  expect(user).toMatchObject({ name: "Pia", locale: "de-CH", timeZone: "Europe/Zurich", role: "viewer" });
  await me(pia).updateProfile({ timeZone: "" });
  expect((await me(pia).getProfile({})).user).toMatchObject({ name: "Pia", locale: "de-CH", timeZone: "" });
  await me(pia).updateProfile({ name: "ignored", timeZone: "UTC", updateMask: ["locale", "time_zone"] });
  expect((await me(pia).getProfile({})).user).toMatchObject({ name: "Pia", locale: "", timeZone: "UTC" });
  const wrong: readonly [string, MessageInitShape<typeof UpdateProfileRequestSchema>][] = [
    ["name", { updateMask: ["name"] }],
    ["update_mask", { name: "Else", updateMask: ["name", "email"] }],
    ["name", { name: "" }],
    ["name", { name: "x".repeat(101) }],
    ["name", { name: "a\u0000b" }],
    ["locale", { name: "Else", locale: "xx-nonsense" }],
    ["time_zone", { name: "Else", timeZone: "Europe/Atlantis" }],
    ["time_zone", { timeZone: "../../etc/passwd" }],
  ];
  for (const [field, wish] of wrong) {
    expect((await refusal(me(pia).updateProfile(wish))).detail).toMatchObject({ code: "invalid_argument", field });
  }
  expect((await me(pia).getProfile({})).user?.name).toBe("Pia");
});

test("another password asks for the one before, and ends every other session whatever the caller says of them", async () => {
  await person("max@example.org");
  const [one, other] = [await signIn("max@example.org"), await signIn("max@example.org")];
  const wrong = await changePassword(one, "not it at all", "quite another password");
  expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: "INVALID_PASSWORD" }]);
  expect((await me(other).whoAmI({})).name).toBe("max@example.org");
  const changed = await changePassword(one, OWN, "quite another password", { revokeOtherSessions: false });
  expect(changed.status).toBe(200);
  expect((await me(one).whoAmI({})).name).toBe("max@example.org");
  expect((await refusal(me(other).whoAmI({}))).code).toBe(Code.Unauthenticated);
  const last = await signIn("max@example.org", "quite another password");
  const turned = await changePassword(last, "quite another password", OWN, { revokeOtherSessions: true });
  expect((await me(cookieOf(turned)).listOwnSessions({})).sessions).toHaveLength(1);
});

test("what is done about one's own account is in the audit trail, with whose it was and what changed", async () => {
  await person("zoe@example.org");
  const [zoe, other] = [await signIn("zoe@example.org"), await signIn("zoe@example.org")];
  const id = (await me(other).listOwnSessions({})).sessions.find(({ current }) => current)?.id ?? "";
  await me(zoe).endOwnSession({ id });
  await me(zoe).updateProfile({ name: "Zoë" });
  await me(zoe).endOtherSessions({});
  const audit = createClient(AuditService, as({ authorization: `Bearer ${rig.token}` }));
  const { entries } = await audit.listAuditEntries({ actor: "zoe@example.org", pageSize: 100 });
  const brief = entries.map(({ method, objectKind, objectName, outcome }) => [method, objectKind, objectName, outcome]);
  expect(brief.slice(0, 3)).toEqual([
    ["AccessService/EndOtherSessions", "user", "zoe@example.org", "ok"],
    ["AccessService/UpdateProfile", "user", "zoe@example.org", "ok"],
    ["AccessService/EndOwnSession", "session", "zoe@example.org", "ok"],
  ]);
  expect(entries[1]).toMatchObject({ before: { name: "Somebody" }, after: { name: "Zoë" } });
  expect(entries[2]?.objectId).toBe(id);
});
