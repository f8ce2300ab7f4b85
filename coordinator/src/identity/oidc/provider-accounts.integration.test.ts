import { afterAll, beforeAll, expect, test } from "vitest";
import { type PublicPlaneRig, startPublicPlaneRig } from "../../api/public-plane-rig.ts";
import { REMOVED_SUBJECTS_MAX } from "../removed-subjects.ts";
import { challengeOf, codeOf, cookieOf, testPeople } from "../test-people.ts";
import { credentials, problemOf, providerSignIn, verified } from "./provider-sign-in.ts";
import { type RealProvider, startRealProvider } from "./real-provider.ts";

let rig: PublicPlaneRig;
let company: RealProvider;
let other: RealProvider;

beforeAll(async () => {
  const back = (id: string) => `${rig.plane.url}/api/auth/callback/${id}`;
  company = await startRealProvider(() => back("company"));
  other = await startRealProvider(() => back("other"));
  const settings = { label: "Company", firstRole: "viewer", linkByEmail: true } as const;
  const firstRoles = { claim: "groups", map: { ops: "operator" } } as const;
  rig = await startPublicPlaneRig({
    providers: [
      { ...settings, ...credentials(company), id: "company", firstRoles },
      { ...settings, ...credentials(other), id: "other" },
    ],
  });
});
afterAll(async () => {
  await rig?.close();
  for (const provider of [company, other]) await provider?.close();
});

const { admin, audit, me, post, person, withSecondFactor, run } = testPeople(() => rig);
const { signInBy } = providerSignIn(() => rig);

test("who gets the address of somebody at the provider does not get the account, which another provider may still link", async () => {
  await person("root@example.org", "superadmin");
  const first = await signInBy(company, "company", "first", verified("root@example.org"));
  expect((await me(first.session).whoAmI({})).name).toBe("root@example.org");
  const second = await signInBy(company, "company", "second", verified("root@example.org"));
  expect([problemOf(second.location), second.session]).toEqual(["account_exists", ""]);
  // The one that a provider made is no different.
  await signInBy(company, "company", "third", verified("made@example.org"));
  const fourth = await signInBy(company, "company", "fourth", verified("made@example.org"));
  expect([problemOf(fourth.location), fourth.session]).toEqual(["account_exists", ""]);
  const elsewhere = await signInBy(other, "other", "second", verified("root@example.org"));
  expect((await me(elsewhere.session).whoAmI({})).name).toBe("root@example.org");
  expect((await signInBy(company, "company", "first", verified("root@example.org"))).session).not.toBe("");
});

test("of two subjects at once one is linked, and the trail tells of one", async () => {
  await admin().createUser({ email: "two@example.org", role: "viewer" });
  const subjects = ["one", "two", "three", "four"];
  const answers = await Promise.all(
    subjects.map((subject) => signInBy(company, "company", `at-once-${subject}`, verified("two@example.org"))),
  );
  expect(answers.filter(({ session }) => session !== "")).toHaveLength(1);
  const linked = await run(
    `select a.id from auth.account a join auth."user" u on u.id = a."userId"
      where u.email = 'two@example.org' and a."providerId" like 'oidc %'`,
  );
  expect(linked).toHaveLength(1);
  const { entries } = await audit().listAuditEntries({ object: "two@example.org", pageSize: 100 });
  expect(entries.filter(({ method }) => method === "auth/link-account")).toHaveLength(1);
});

test("an address that the API would not take makes no account, and none that is folded into another links that one", async () => {
  await admin().createUser({ email: "kim@example.org", role: "superadmin" });
  const wrong = [
    "\u212Aim@example.org",
    "übung@example.org",
    "no address",
    "a/b c@example.org",
    "x@exämple.org",
    `${"x".repeat(250)}@example.org`,
  ];
  for (const [index, email] of wrong.entries()) {
    const { location, session } = await signInBy(company, "company", `unusable-${index}`, verified(email));
    expect([email, problemOf(location), session]).toEqual([email, "email_unusable", ""]);
  }
  const { users } = await admin().listUsers({});
  expect(users.filter(({ email }) => wrong.includes(email) || !/^[!-~]+$/.test(email))).toEqual([]);
  // Once linked, it is the subject that counts.
  await signInBy(company, "company", "renamed", verified("Plain@example.org"));
  const later = await signInBy(company, "company", "renamed", verified("übung@example.org"));
  expect((await me(later.session).whoAmI({})).name).toBe("plain@example.org");
});

test("who was removed comes back without a role, whatever the provider says, and as many are remembered as may be", async () => {
  const ops = { ...verified("back@example.org"), groups: ["ops"] };
  expect((await me((await signInBy(company, "company", "back", ops)).session).whoAmI({})).role).toBe("operator");
  await admin().deleteUser({ email: "back@example.org" });
  expect((await me((await signInBy(company, "company", "back", ops)).session).whoAmI({})).role).toBe("");
  await admin().updateUser({ email: "back@example.org", role: "viewer" });
  expect((await me((await signInBy(company, "company", "back", ops)).session).whoAmI({})).role).toBe("viewer");
  await run(
    `insert into auth.removed_subject (provider_id, subject, removed_at)
     select 'oidc x', n::text, now() - n * interval '1 second' from generate_series(1, ?) n`,
    [REMOVED_SUBJECTS_MAX],
  );
  await admin().deleteUser({ email: "back@example.org" });
  const kept = await run<{ subject: string }>("select subject from auth.removed_subject");
  expect(kept).toHaveLength(REMOVED_SUBJECTS_MAX);
  const subjects = new Set(kept.map(({ subject }) => subject));
  expect([subjects.has("back"), subjects.has("1"), subjects.has(String(REMOVED_SUBJECTS_MAX))]).toEqual([
    true,
    true,
    false,
  ]);
  expect((await me((await signInBy(company, "company", "back", ops)).session).whoAmI({})).role).toBe("");
});

test("a second factor after a provider is answered also where somebody else was signed in before", async () => {
  const { uri } = await withSecondFactor("factor@example.org");
  const before = await person("before@example.org");
  const asked = await signInBy(company, "company", "factor", verified("factor@example.org"), { others: before });
  expect(asked.location).toContain("step=code");
  // As a browser keeps them: what is set to nothing is gone.
  const emptied = asked.answer.headers.getSetCookie().some((line) => line.startsWith("lormas.session_token=;"));
  const cookies = [...(emptied ? [] : [before]), challengeOf(asked.answer)].join("; ");
  const entered = await post("two-factor/verify-totp", { code: await codeOf(uri, 1) }, cookies);
  expect(entered.status, await entered.clone().text()).toBe(200);
  expect((await me(cookieOf(entered, "lormas.session_token")).whoAmI({})).name).toBe("factor@example.org");
});
