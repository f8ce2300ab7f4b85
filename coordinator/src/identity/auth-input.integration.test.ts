import { afterAll, beforeAll, expect, test } from "vitest";
import { type PublicPlaneRig, startPublicPlaneRig } from "../api/public-plane-rig.ts";
import { ATTEMPTS_PER_ACCOUNT } from "./sign-in-limits.ts";
import { challengeOf, codeOf, OWN, sessionOf, testPeople } from "./test-people.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

const { audit, me, post, signIn, person, withSecondFactor, run } = testPeople(() => rig);

/** The value of a cookie, "name=value". */
const cookieValue = (cookie: string) => cookie.slice(cookie.indexOf("=") + 1);
/** Ways to write a cookie that better-auth reads as this one. */
const spellings = (cookie: string) => {
  const [name, value] = [cookie.slice(0, cookie.indexOf("=")), cookieValue(cookie)];
  return [`${name} =${value}`, `${name}= ${value}`, `${name}="${value}"`, `__Secure-${name}=x; ${name}=${value}`];
};
const outcomesOf = async (object: string, method: string) => {
  const { entries } = await audit().listAuditEntries({ object, pageSize: 100 });
  return entries.filter((entry) => entry.method === method).map(({ outcome }) => outcome);
};

test("a body that is no JSON object lets nobody try a password, whatever better-auth would read in it", async () => {
  await person("bom@example.org");
  const right = JSON.stringify({ email: "bom@example.org", password: OWN });
  for (const body of [`\ufeff${right}`, `[${right}]`, "null", '"x"', "{", ""]) {
    const answer = await post("sign-in/email", body);
    expect([body, answer.status, await answer.json()]).toMatchObject([body, 400, { code: "malformed_body" }]);
    expect(sessionOf(answer)).toBe("");
  }
  for (const wrong of [
    { password: OWN },
    { email: "bom@example.org" },
    { email: ["bom@example.org"], password: OWN },
  ]) {
    expect((await post("sign-in/email", wrong)).status).toBe(400);
  }
});

test("a field that a route does not take goes no further", async () => {
  const session = await person("ext@example.org");
  const more = { rememberMe: false, callbackURL: "https://evil.example" };
  const signedIn = await post("sign-in/email", { email: "ext@example.org", password: OWN, ...more });
  expect(signedIn.headers.get("location")).toBeNull();
  expect(await signedIn.json()).toMatchObject({ redirect: false });
  const set = signedIn.headers.getSetCookie();
  expect(set.find((line) => line.startsWith("lormas.session_token="))).toContain("Max-Age=604800");
  const begun = await post("two-factor/enable", { password: OWN, issuer: "Evil", method: "otp" }, session);
  expect([begun.status, await begun.json()]).toMatchObject([200, { method: "totp" }]);
  const again = await post("two-factor/enable", { password: OWN, issuer: "Evil" }, session);
  const { totpURI } = (await again.json()) as { totpURI: string };
  expect(totpURI).toContain("issuer=Lormas");
  const flag = { currentPassword: OWN, newPassword: "another password", revokeOtherSessions: "yes" };
  expect((await post("change-password", flag, session)).status).toBe(400);
});

test("a used code is refused however the cookie of the question is written", async () => {
  const { uri } = await withSecondFactor("spell@example.org");
  const code = await codeOf(uri, 1);
  const first = await post("two-factor/verify-totp", { code }, challengeOf(await signIn("spell@example.org")));
  expect(first.status).toBe(200);
  for (const [index] of spellings("a=b").entries()) {
    const cookie = spellings(challengeOf(await signIn("spell@example.org")))[index] ?? "";
    const answer = await post("two-factor/verify-totp", { code }, cookie);
    expect([cookie, answer.status, await answer.json()]).toMatchObject([cookie, 401, { code: "code_used" }]);
    expect(sessionOf(answer)).toBe("");
  }
});

test("what somebody does in a session is in the trail however the cookie is written, and without one nothing is done", async () => {
  const session = await person("trail@example.org");
  const before = (await outcomesOf("trail@example.org", "auth/change-password")).length;
  const wrong = { currentPassword: "not it at all", newPassword: "another password" };
  for (const cookie of spellings(session)) expect((await post("change-password", wrong, cookie)).status).toBe(400);
  const after = await outcomesOf("trail@example.org", "auth/change-password");
  expect(after.slice(0, after.length - before)).toEqual(spellings(session).map(() => "invalid_password"));
  // One that is forged or over is none.
  const forged = `lormas.session_token=${encodeURIComponent(`x${decodeURIComponent(cookieValue(session))}`)}`;
  const over = sessionOf(await signIn("trail@example.org"));
  expect((await post("sign-out", {}, over)).status).toBe(200);
  for (const cookie of ["", forged, over, "lormas.session_token="]) {
    for (const [path, body] of [
      ["change-password", { currentPassword: OWN, newPassword: "another password" }],
      ["two-factor/enable", { password: OWN }],
      ["two-factor/disable", { password: OWN }],
      ["two-factor/generate-backup-codes", { password: OWN }],
    ] as const) {
      const answer = await post(path, body, cookie);
      expect([path, answer.status, await answer.json()]).toMatchObject([path, 401, { code: "unauthenticated" }]);
    }
    const code = await post("two-factor/verify-totp", { code: "123456" }, cookie);
    expect([code.status, await code.json()]).toMatchObject([401, { code: "INVALID_TWO_FACTOR_COOKIE" }]);
  }
  expect((await me(session).whoAmI({})).name).toBe("trail@example.org");
});

test("a session that was ended this moment changes nothing, though calls may still believe in it", async () => {
  const session = await person("late@example.org");
  expect((await me(session).whoAmI({})).name).toBe("late@example.org");
  await run(`delete from auth.session s using auth."user" u where u.id = s."userId" and u.email = 'late@example.org'`);
  const answer = await post("change-password", { currentPassword: OWN, newPassword: "another password" }, session);
  expect(answer.status).toBe(401);
});

test("passwords that are guessed in a session are counted for its account, and nobody else's right one forgets them", async () => {
  const [session, other] = [await person("stolen@example.org"), await person("thief@example.org")];
  const guess = (cookie: string, password: string) => post("two-factor/generate-backup-codes", { password }, cookie);
  for (let attempt = 0; attempt < ATTEMPTS_PER_ACCOUNT; attempt += 1) {
    const wrong = await post(
      attempt % 2 === 0 ? "two-factor/enable" : "change-password",
      { password: "not it at all", currentPassword: "not it at all", newPassword: "another password" },
      session,
    );
    expect([attempt, wrong.status]).toEqual([attempt, 400]);
    expect((await post("two-factor/enable", { password: OWN }, other)).status).toBe(200);
  }
  const limited = await guess(session, OWN);
  expect([limited.status, await limited.json()]).toMatchObject([429, { code: "rate_limited" }]);
  expect((await post("two-factor/enable", { password: OWN }, other)).status, "nobody else waits").toBe(200);
  expect((await signIn("stolen@example.org")).status, "nor does the sign-in").toBe(200);
});

test("whoever signs in with something else than an e-mail address uses up nobody's attempts", async () => {
  const { uri } = await withSecondFactor("target@example.org");
  const [user] = await run<{ id: string }>(`select id from auth."user" where email = 'target@example.org'`);
  const challenge = challengeOf(await signIn("target@example.org"));
  for (const kind of ["code ", "code:", "change:", ""]) {
    for (let attempt = 0; attempt <= ATTEMPTS_PER_ACCOUNT; attempt += 1) {
      const answer = await post("sign-in/email", { email: `${kind}${user?.id}`, password: "x" });
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: "invalid_email" }]);
    }
  }
  expect((await post("two-factor/verify-totp", { code: await codeOf(uri, 1) }, challenge)).status).toBe(200);
});
