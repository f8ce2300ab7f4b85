import { readFile, stat, unlink } from "node:fs/promises";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN, type PublicPlaneRig, startPublicPlaneRig } from "../api/public-plane-rig.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { ApiTokenStore } from "../store/api-token-store.ts";
import { ensureAdminToken } from "./admin-token.ts";
import { ensureAdministrator } from "./administrator.ts";
import { startAuthServer } from "./auth-server.ts";
import { randomPassword } from "./random-password.ts";
import { ATTEMPTS_PER_ACCOUNT } from "./sign-in-limits.ts";
import { tokenHash } from "./token-hash.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

const NEW_PASSWORD = "quite another password";

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(rig.plane.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", origin: rig.plane.url, ...headers },
    body: JSON.stringify(body),
  });

const signIn = async (password: string, email = ADMIN.email): Promise<{ status: number; cookie: string }> => {
  const answer = await post("/api/auth/sign-in/email", { email, password });
  const cookie = answer.headers.getSetCookie().map((line) => line.split(";", 1)[0]);
  return { status: answer.status, cookie: cookie.join("; ") };
};

const nodes = (headers: Record<string, string>): Promise<Response> =>
  fetch(`${rig.plane.url}/api/v1/nodes`, { headers });

test("the seeded administrator signs in, must change the password first, and then may call", async () => {
  const first = await signIn(ADMIN.password);
  expect(first.status).toBe(200);
  const refused = await nodes({ cookie: first.cookie });
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ error: { code: "password_change_required" } });
  const session = await fetch(`${rig.plane.url}/api/auth/get-session`, { headers: { cookie: first.cookie } });
  expect(await session.json()).toMatchObject({ user: { email: ADMIN.email, mustChangePassword: true } });

  const wrong = await post(
    "/api/auth/change-password",
    { currentPassword: "not it at all", newPassword: NEW_PASSWORD, revokeOtherSessions: true },
    { cookie: first.cookie },
  );
  expect(wrong.status).toBe(400);
  expect((await nodes({ cookie: first.cookie })).status).toBe(403);

  const changed = await post(
    "/api/auth/change-password",
    { currentPassword: ADMIN.password, newPassword: NEW_PASSWORD, revokeOtherSessions: true },
    { cookie: first.cookie },
  );
  expect(changed.status).toBe(200);
  expect((await nodes({ cookie: first.cookie })).status, "the old session is over").toBe(401);
  const second = await signIn(NEW_PASSWORD);
  expect((await nodes({ cookie: second.cookie })).status).toBe(200);

  const out = await post("/api/auth/sign-out", {}, { cookie: second.cookie });
  expect(out.status).toBe(200);
  expect((await nodes({ cookie: second.cookie })).status, "signed out").toBe(401);
});

test("nobody can sign up, and of better-auth nothing is there but what is needed", async () => {
  const rest = [
    "/api/auth/sign-up/email",
    "/api/auth/update-user",
    "/api/auth/list-sessions",
    "/api/auth/ok",
    "/api/auth",
  ];
  for (const path of rest) {
    const answer = await post(path, { email: "x@example.test", password: "long enough 123", name: "x" });
    expect([path, answer.status]).toEqual([path, 404]);
  }
});

test("nobody can clear mustChangePassword by asking, nor sign in by a form of another site", async () => {
  const foreign = await post(
    "/api/auth/sign-in/email",
    { email: ADMIN.email, password: NEW_PASSWORD },
    { origin: "https://evil.example" },
  );
  expect(foreign.status).toBe(403);
  expect(await foreign.json()).toMatchObject({ error: { code: "cross_site" } });
  const form = await fetch(`${rig.plane.url}/api/auth/sign-in/email`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: `email=${ADMIN.email}&password=x`,
  });
  expect(form.status).toBe(415);
  const site = await fetch(`${rig.plane.url}/api/v1/containers`, {
    method: "POST",
    headers: { "content-type": "application/json", "sec-fetch-site": "cross-site" },
    body: "{}",
  });
  expect(site.status).toBe(403);
});

test("an account rests after too many wrong passwords, also for the right one, and says how long", async () => {
  const email = "nobody@example.test";
  for (let attempt = 0; attempt < ATTEMPTS_PER_ACCOUNT; attempt += 1) {
    expect((await signIn("wrong password", email)).status).toBe(401);
  }
  const limited = await post("/api/auth/sign-in/email", { email, password: "wrong password" });
  expect(limited.status).toBe(429);
  expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await limited.json()).toMatchObject({ code: "rate_limited" });
});

test("a body that is too large is not read", async () => {
  const answer = await post("/api/auth/sign-in/email", { email: "x".repeat(20_000), password: "x" }).catch(
    () => ({ status: 413 }) as Response,
  );
  expect(answer.status).toBe(413);
});

test("the bearer token lies in a file of its owner's, stored as a digest, and is made anew when the file is lost", async () => {
  expect((await stat(rig.plane.adminTokenPath)).mode & 0o777).toBe(0o600);
  const tokens = new ApiTokenStore(rig.database.database.orm, systemClock);
  expect((await tokens.valid()).map((token) => token.tokenHash)).toEqual([tokenHash(rig.token)]);
  expect((await nodes({ authorization: `Bearer ${rig.token}` })).status).toBe(200);
  await ensureAdminToken(tokens, rig.dataDir, async () => {});
  expect((await readFile(rig.plane.adminTokenPath, "utf8")).trim()).toBe(rig.token);

  await unlink(rig.plane.adminTokenPath);
  await ensureAdminToken(tokens, rig.dataDir, async () => {});
  const fresh = (await readFile(rig.plane.adminTokenPath, "utf8")).trim();
  expect(fresh).not.toBe(rig.token);
  expect((await nodes({ authorization: `Bearer ${fresh}` })).status).toBe(200);
  await expect
    .poll(async () => (await nodes({ authorization: `Bearer ${rig.token}` })).status, { timeout: 5_000 })
    .toBe(401);
});

test("wrong credentials of any kind are nobody's", async () => {
  const wrong = ["Bearer x", "Bearer ", `bearer ${"x".repeat(600)}`, "Basic YTpi", "Bearer lormas_ü"];
  for (const authorization of wrong) {
    const answer = await nodes({ authorization: encodeURI(authorization).replace(/%20/g, " ") });
    expect([authorization, answer.status]).toEqual([authorization, 401]);
  }
  expect((await nodes({ cookie: "lormas.session_token=made.up" })).status).toBe(401);
});

test("a random first password is shown once, and is easy to read", async () => {
  expect(randomPassword()).toMatch(/^[a-hjkmnp-z2-9]{6}(-[a-hjkmnp-z2-9]{6}){3}$/);
  const other = await startPublicPlaneRig({ administrator: { email: "Root@Example.test", password: null } });
  try {
    expect(other.plane.firstPassword).toMatch(/^[a-z2-9-]{27}$/);
    const auth = await startAuthServer({
      databaseUrl: other.database.url,
      dataDir: other.dataDir,
      log: pino({ level: "silent" }),
    });
    const again = await ensureAdministrator(auth, { email: "root@example.test", password: null }, async () => {});
    const another = await ensureAdministrator(auth, { email: "second@example.test", password: null }, async () => {});
    await auth.close();
    expect([again, another]).toEqual([{ firstPassword: null }, { firstPassword: null }]);
    const answer = await fetch(`${other.plane.url}/api/auth/sign-in/email`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: "root@example.test", password: other.plane.firstPassword }),
    });
    expect(answer.status).toBe(200);
  } finally {
    await other.close();
  }
});

test("the configured first password is given to nobody who can sign in otherwise, and whoever gets it must change it", async () => {
  const options = { databaseUrl: rig.database.url, dataDir: rig.dataDir, log: pino({ level: "silent" }) };
  const server = await startAuthServer(options);
  try {
    for (const name of ["linked", "half-made"]) {
      await server.pool.query(
        `insert into "user" (id, email, name, "emailVerified", role, "mustChangePassword", "createdAt", "updatedAt")
         values ($1, $1 || '@example.test', $1, true, 'superadmin', false, now(), now())`,
        [name],
      );
    }
    await server.pool.query(
      `insert into account (id, "providerId", "accountId", "userId", "createdAt", "updatedAt")
       values ('x', 'oidc https://id.example.org', 'x', 'linked', now(), now())`,
    );
    const audited: string[] = [];
    const seed = (name: string) => ({ email: `${name}@example.test`, password: "a configured password" });
    for (const name of ["linked", "half-made"]) {
      await ensureAdministrator(server, seed(name), async (email) => void audited.push(email));
    }
    expect(audited).toEqual(["half-made@example.test"]);
    expect((await signIn("a configured password", "linked@example.test")).status).toBe(401);
    const { status, cookie } = await signIn("a configured password", "half-made@example.test");
    expect(status).toBe(200);
    expect(await (await nodes({ cookie })).json()).toMatchObject({ error: { code: "password_change_required" } });
    await server.pool.query(`delete from "user" where id in ('linked', 'half-made')`);
  } finally {
    await server.close();
  }
});

test("a session ends after seven days, however often it is looked at", async () => {
  const { cookie } = await signIn(NEW_PASSWORD);
  const options = { databaseUrl: rig.database.url, dataDir: rig.dataDir, log: pino({ level: "silent" }) };
  const server = await startAuthServer(options);
  try {
    const sessions = async () => (await server.pool.query('select "expiresAt" from session order by id')).rows;
    await server.pool.query(`update session set "expiresAt" = now() + interval '2 days'`);
    const before = await sessions();
    const seen = await fetch(`${rig.plane.url}/api/auth/get-session`, { headers: { cookie } });
    expect(await seen.json()).toMatchObject({ user: { email: ADMIN.email } });
    expect((await nodes({ cookie })).status).toBe(200);
    expect(await sessions()).toEqual(before);
    expect(seen.headers.getSetCookie()).toEqual([]);
  } finally {
    await server.close();
  }
});

test("a database of before there were second factors is brought up to date, and whoever was signed in stays so", async () => {
  const { cookie } = await signIn(NEW_PASSWORD);
  const options = { databaseUrl: rig.database.url, dataDir: rig.dataDir, log: pino({ level: "silent" }) };
  const server = await startAuthServer(options);
  try {
    await server.pool.query('drop table "twoFactor"');
    await server.pool.query(
      'alter table "user" drop column "twoFactorEnabled", drop column locale, drop column "timeZone"',
    );
    await server.pool.query('alter table session drop column "lastUsedAt"');
    await (await startAuthServer(options)).close();
    expect((await nodes({ cookie })).status).toBe(200);
    expect((await signIn(NEW_PASSWORD)).status).toBe(200);
  } finally {
    await server.close();
  }
});

test("a port that is taken is said, and nothing is left behind", async () => {
  const { port } = new URL(rig.plane.url);
  await expect(startPublicPlaneRig({ listen: { host: "127.0.0.1", port: Number(port) } })).rejects.toMatchObject({
    message: expect.stringMatching(/cannot listen on 127\.0\.0\.1:\d+ .*--http-listen/),
    cause: { code: "EADDRINUSE" },
  });
});

test("who could sign in before there were roles is a superadmin after the upgrade; later ones without a role are nothing", async () => {
  const options = { databaseUrl: rig.database.url, dataDir: rig.dataDir, log: pino({ level: "silent" }) };
  const server = await startAuthServer(options);
  try {
    await server.pool.query('alter table "user" drop column role');
    await (await startAuthServer(options)).close();
    const roles = async () => (await server.pool.query('select distinct role from "user"')).rows;
    expect(await roles()).toEqual([{ role: "superadmin" }]);
    await server.pool.query('update "user" set role = null');
    await (await startAuthServer(options)).close();
    expect(await roles()).toEqual([{ role: null }]);
    await server.pool.query(`update "user" set role = 'superadmin'`);
  } finally {
    await server.close();
  }
});
