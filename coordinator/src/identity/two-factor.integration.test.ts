import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { base32 } from "@better-auth/utils/base32";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PublicPlaneRig, startPublicPlaneRig } from "../api/public-plane-rig.ts";
import { RECOVERY_CODES } from "./auth-server.ts";
import { ATTEMPTS_PER_ACCOUNT } from "./sign-in-limits.ts";
import { challengeOf, codeOf, cookieOf, OWN, sessionOf, testPeople, wrongCode } from "./test-people.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

const { admin, audit, me, post, signIn, person, withSecondFactor } = testPeople(() => rig);

test("a second factor is set up with the password, counts once a code has confirmed it, and is asked for from then on", async () => {
  const session = await person("ann@example.org");
  expect((await post("two-factor/enable", { password: "not it at all" }, session)).status).toBe(400);
  const begun = await post("two-factor/enable", { password: OWN }, session);
  const { totpURI, backupCodes } = (await begun.json()) as { totpURI: string; backupCodes: string[] };
  expect(totpURI).toMatch(
    /^otpauth:\/\/totp\/Lormas:ann%40example\.org\?secret=[A-Z2-7]+&issuer=Lormas&digits=6&period=30$/,
  );
  expect(new Set(backupCodes).size).toBe(RECOVERY_CODES);
  // Not confirmed: somebody whose app got it wrong is not locked out.
  expect(sessionOf(await signIn("ann@example.org"))).not.toBe("");
  expect((await post("two-factor/verify-totp", { code: await wrongCode(totpURI) }, session)).status).toBe(401);
  expect((await me(session).getProfile({})).user?.twoFactorEnabled).toBe(false);
  const confirmed = await post("two-factor/verify-totp", { code: await codeOf(totpURI) }, session);
  expect(confirmed.status).toBe(200);
  expect((await me(sessionOf(confirmed)).getProfile({})).user?.twoFactorEnabled).toBe(true);

  const asked = await signIn("ann@example.org");
  expect([asked.status, await asked.json()]).toEqual([200, { twoFactorRedirect: true, twoFactorMethods: ["totp"] }]);
  expect(sessionOf(asked), "the password alone opens no session").toBe("");
  const challenge = challengeOf(asked);
  await expect(me(challenge).whoAmI({})).rejects.toMatchObject({ code: Code.Unauthenticated });
  const signedIn = await post("two-factor/verify-totp", { code: await codeOf(totpURI, 1) }, challenge);
  expect(signedIn.status).toBe(200);
  expect((await me(sessionOf(signedIn)).whoAmI({})).name).toBe("ann@example.org");
});

test("a code of the app works once within its window, whoever sends it and however many at once", async () => {
  const { uri } = await withSecondFactor("bob@example.org");
  const code = await codeOf(uri, 1);
  const challenges = await Promise.all([1, 2, 3].map(async () => challengeOf(await signIn("bob@example.org"))));
  const answers = await Promise.all(challenges.map((cookie) => post("two-factor/verify-totp", { code }, cookie)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  const replayed = await post("two-factor/verify-totp", { code }, challengeOf(await signIn("bob@example.org")));
  expect([replayed.status, await replayed.json()]).toMatchObject([401, { code: "code_used" }]);
  expect(sessionOf(replayed)).toBe("");
});

test("each recovery code works once, and new ones replace those of before", async () => {
  const { recovery, session } = await withSecondFactor("eve@example.org");
  const [first = "", second = ""] = recovery;
  const enter = async (code: string) =>
    post("two-factor/verify-backup-code", { code }, challengeOf(await signIn("eve@example.org")));
  const entered = await enter(first);
  expect(entered.status).toBe(200);
  expect((await me(sessionOf(entered)).whoAmI({})).name).toBe("eve@example.org");
  expect((await enter(first)).status).toBe(401);
  expect((await post("two-factor/generate-backup-codes", { password: "not it at all" }, session)).status).toBe(400);
  const made = await post("two-factor/generate-backup-codes", { password: OWN }, session);
  const { backupCodes } = (await made.json()) as { backupCodes: string[] };
  expect(backupCodes).toHaveLength(RECOVERY_CODES);
  expect((await enter(second)).status).toBe(401);
  expect((await enter(backupCodes[0] ?? "")).status).toBe(200);
});

test("the code of another person, a forged challenge and none at all let nobody in", async () => {
  const ida = await withSecondFactor("ida@example.org");
  await withSecondFactor("jon@example.org");
  const challenge = challengeOf(await signIn("jon@example.org"));
  const foreign = await post("two-factor/verify-totp", { code: await codeOf(ida.uri) }, challenge);
  expect([foreign.status, sessionOf(foreign)]).toEqual([401, ""]);
  const recovery = await post("two-factor/verify-backup-code", { code: ida.recovery[0] }, challenge);
  expect([recovery.status, sessionOf(recovery)]).toEqual([401, ""]);
  const forged = `${challenge.slice(0, -6)}AAAAAA`;
  for (const cookie of [forged, "lormas.two_factor=made.up", "lormas.two_factor=%E0%A4%A", ""]) {
    const answer = await post("two-factor/verify-totp", { code: await codeOf(ida.uri, 1) }, cookie);
    expect([cookie, answer.status, sessionOf(answer)]).toEqual([cookie, 401, ""]);
  }
});

test("a malformed code is refused before it is looked at, and no browser is trusted for a month", async () => {
  const { uri } = await withSecondFactor("pia@example.org");
  const challenge = challengeOf(await signIn("pia@example.org"));
  for (const code of ["", "12345", "1234567", "12345x", "１２３４５６", 123456, null, ["123456"]]) {
    const answer = await post("two-factor/verify-totp", { code }, challenge);
    expect([code, answer.status, await answer.json()]).toMatchObject([code, 400, { code: "malformed_code" }]);
  }
  const entered = await post("two-factor/verify-totp", { code: await codeOf(uri, 1), trustDevice: true }, challenge);
  // Nine attempts, eight of them malformed: one more than ten would have been too many.
  expect(entered.status).toBe(200);
  expect(cookieOf(entered, "lormas.trust_device")).toBe("");
  expect((await signIn("pia@example.org")).status).toBe(200);
});

test("codes are guessed no more often than passwords, over all challenges, also the right one, and the table says so after a restart", async () => {
  const { uri } = await withSecondFactor("max@example.org");
  const wrong = await wrongCode(uri);
  let challenge = "";
  for (let attempt = 0; attempt < ATTEMPTS_PER_ACCOUNT; attempt += 1) {
    // A challenge is good for five codes; whoever knows the password gets another one.
    if (attempt % 5 === 0) challenge = challengeOf(await signIn("max@example.org"));
    const guess = String((Number(wrong) + attempt) % 1_000_000).padStart(6, "0");
    const right = [await codeOf(uri, -1), await codeOf(uri), await codeOf(uri, 1)];
    const answer = await post("two-factor/verify-totp", { code: right.includes(guess) ? wrong : guess }, challenge);
    expect([attempt, answer.status]).toEqual([attempt, 401]);
  }
  challenge = challengeOf(await signIn("max@example.org"));
  const limited = await post("two-factor/verify-totp", { code: await codeOf(uri, 1) }, challenge);
  expect([limited.status, await limited.json()]).toMatchObject([429, { code: "rate_limited" }]);
  expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
  const recovery = await post("two-factor/verify-backup-code", { code: "aaaaa-bbbbb" }, challenge);
  expect(recovery.status).toBe(429);
  const counted = await rig.database.database.orm.em
    .fork()
    .execute<{ points: number }[]>(
      "select points from auth.sign_in_limit where key like 'account:%' order by points desc",
    );
  expect(counted[0]?.points).toBeGreaterThan(ATTEMPTS_PER_ACCOUNT);
});

test("secrets and recovery codes are encrypted in the database, with a key that is not in it", async () => {
  const { uri, recovery } = await withSecondFactor("zoe@example.org");
  const secret = new URL(uri).searchParams.get("secret") ?? "";
  const plain = new TextDecoder().decode(base32.decode(secret));
  const rows = await rig.database.database.orm.em.fork().execute('select * from auth."twoFactor"');
  const stored = JSON.stringify(rows);
  for (const text of [secret, plain, ...recovery]) expect(stored).not.toContain(text);
  const key = join(rig.dataDir, "auth.secret");
  expect((await stat(key)).mode & 0o777).toBe(0o600);
  const keyText = (await readFile(key, "utf8")).trim();
  const dumped = await rig.database.database.orm.em
    .fork()
    .execute(
      'select (select json_agg(v) from auth.verification v)::text, (select json_agg(u) from auth."user" u)::text',
    );
  expect(JSON.stringify(dumped) + stored).not.toContain(keyText);
});

test("a second factor that another auth.secret has encrypted is said to be so, and an administrator takes it off", async () => {
  const { uri } = await withSecondFactor("uma@example.org");
  await rig.database.database.orm.em.fork().execute(
    `update auth."twoFactor" t set secret = reverse(secret)
       from auth."user" u where u.id = t."userId" and u.email = 'uma@example.org'`,
  );
  const answer = await post(
    "two-factor/verify-totp",
    { code: await codeOf(uri, 1) },
    challengeOf(await signIn("uma@example.org")),
  );
  expect([answer.status, await answer.json()]).toMatchObject([409, { code: "second_factor_unreadable" }]);
  await admin().removeTwoFactor({ email: "uma@example.org" });
  expect(sessionOf(await signIn("uma@example.org"))).not.toBe("");
});

test("its owner takes it off with the password, an administrator without, and the trail says who did", async () => {
  const own = await withSecondFactor("tom@example.org");
  expect((await post("two-factor/disable", { password: "not it at all" }, own.session)).status).toBe(400);
  const off = await post("two-factor/disable", { password: OWN }, own.session);
  expect(off.status).toBe(200);
  expect(sessionOf(await signIn("tom@example.org"))).not.toBe("");

  await withSecondFactor("ute@example.org");
  const session = await person("vic@example.org");
  const denied = await me(session)
    .removeTwoFactor({ email: "ute@example.org" })
    .catch((error: unknown) => ConnectError.from(error).code);
  expect(denied).toBe(Code.PermissionDenied);
  expect((await admin().removeTwoFactor({ email: "UTE@example.org" })).user?.twoFactorEnabled).toBe(false);
  expect(sessionOf(await signIn("ute@example.org"))).not.toBe("");
  const { entries } = await audit().listAuditEntries({ object: "ute@example.org", pageSize: 100 });
  const removed = entries.find(({ method }) => method === "AccessService/RemoveTwoFactor");
  expect(removed).toMatchObject({ actorName: "admin", outcome: "ok", before: { twoFactorEnabled: true } });
  const methods = entries.filter(({ outcome }) => outcome === "ok").map(({ method }) => method);
  expect(methods).toEqual(expect.arrayContaining(["auth/set-up-second-factor", "auth/second-factor"]));
  await admin().deleteUser({ email: "tom@example.org" });
});

test("the trail tells of a right password that waits for its second factor, and of each wrong one", async () => {
  const { uri } = await withSecondFactor("xan@example.org");
  const challenge = challengeOf(await signIn("xan@example.org"));
  await post("two-factor/verify-totp", { code: await wrongCode(uri) }, challenge);
  expect((await post("two-factor/verify-totp", { code: await codeOf(uri, 1) }, challenge)).status).toBe(200);
  await expect
    .poll(async () => {
      const { entries } = await audit().listAuditEntries({ object: "xan@example.org", pageSize: 100 });
      return entries
        .slice(0, 3)
        .map(({ method, outcome }) => [method, outcome])
        .sort();
    })
    .toEqual([
      ["auth/second-factor", "invalid_code"],
      ["auth/second-factor", "ok"],
      ["auth/sign-in", "second_factor_required"],
    ]);
});
