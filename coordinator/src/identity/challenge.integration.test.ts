import { afterAll, beforeAll, expect, test } from "vitest";
import { type PublicPlaneRig, startPublicPlaneRig } from "../api/public-plane-rig.ts";
import { challengeOf, codeOf, OWN, sessionOf, testPeople } from "./test-people.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

const { admin, me, post, signIn, withSecondFactor, run } = testPeople(() => rig);

const endings: [what: string, end: (email: string, session: string) => Promise<unknown>][] = [
  [
    "another password",
    (_, session) =>
      post("change-password", { currentPassword: OWN, newPassword: "quite another password" }, session).then(
        ({ status }) => expect(status).toBe(200),
      ),
  ],
  ["a new first password", (email) => admin().resetPassword({ email })],
  ["the end of all sessions", (email) => admin().endSessions({ email })],
  ["the end of all other sessions", (_, session) => me(session).endOtherSessions({})],
];

test.each(endings)("a question for a second factor is over with %s", async (what, end) => {
  const email = `${what.replaceAll(" ", ".")}@example.org`;
  const { uri, recovery, session } = await withSecondFactor(email);
  const [first, second] = [challengeOf(await signIn(email)), challengeOf(await signIn(email))];
  await end(email, session);
  const entered = await post("two-factor/verify-totp", { code: await codeOf(uri, 1) }, first);
  expect([entered.status, await entered.json()]).toMatchObject([401, { code: "INVALID_TWO_FACTOR_COOKIE" }]);
  const recovered = await post("two-factor/verify-backup-code", { code: recovery[0] }, second);
  expect([recovered.status, sessionOf(recovered)]).toEqual([401, ""]);
});

test("with an account its questions for a second factor go, and those of others stay open", async () => {
  const [gone, stays] = [await withSecondFactor("gone@example.org"), await withSecondFactor("stays@example.org")];
  expect(gone.uri).not.toBe(stays.uri);
  await run("delete from auth.verification");
  await signIn("gone@example.org");
  const challenge = challengeOf(await signIn("stays@example.org"));
  expect(await run("select id from auth.verification")).toHaveLength(4);
  await admin().deleteUser({ email: "gone@example.org" });
  expect(await run("select id from auth.verification")).toHaveLength(2);
  expect((await post("two-factor/verify-totp", { code: await codeOf(stays.uri, 1) }, challenge)).status).toBe(200);
});
