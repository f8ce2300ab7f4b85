import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PublicPlaneRig, startPublicPlaneRig } from "../../api/public-plane-rig.ts";
import { systemClock } from "../../runtime/system-clock.ts";
import { cookieOf, testPeople } from "../test-people.ts";
import { PROVIDER_MS_MAX } from "./bounded-fetch.ts";
import { LIES, type LyingProvider, startLyingProvider } from "./lying-provider.ts";
import { type ProviderConfig, providersProblem, readProviders } from "./provider-config.ts";
import { isOwnPath } from "./provider-routes.ts";
import { credentials, problemOf, providerSignIn, verified } from "./provider-sign-in.ts";
import { type RealProvider, startRealProvider } from "./real-provider.ts";

let rig: PublicPlaneRig;
let real: RealProvider;
let linking: RealProvider;
let liar: LyingProvider;

beforeAll(async () => {
  const back = (id: string) => `${rig.plane.url}/api/auth/callback/${id}`;
  real = await startRealProvider(() => back("real"));
  linking = await startRealProvider(() => back("linking"));
  liar = await startLyingProvider("lormas", systemClock);
  const settings = { label: "Company", firstRole: "none", linkByEmail: false } as const;
  const liars = [...LIES, "tokens"] as const;
  const providers: ProviderConfig[] = [
    { ...settings, ...credentials(real), id: "real" },
    {
      ...{ ...settings, ...credentials(linking), id: "linking", firstRole: "viewer", linkByEmail: true },
      firstRoles: { claim: "groups", map: { ops: "operator", dev: "developer" } },
    },
    ...liars.map((id) => ({ ...settings, ...credentials(real), id, issuer: liar.issuerOf(id) })),
  ];
  rig = await startPublicPlaneRig({ providers });
});
afterAll(async () => {
  await rig?.close();
  for (const provider of [real, linking, liar]) await provider?.close();
});

const { admin, audit, me, post } = testPeople(() => rig);
const { start, begin, comeBack, signInBy } = providerSignIn(() => rig);

test("the page is told of the providers by id and label alone, and the way there has state, nonce and PKCE", async () => {
  const listed = await fetch(`${rig.plane.url}/api/auth/providers`);
  const { providers } = (await listed.json()) as { providers: unknown[] };
  expect(providers[0]).toEqual({ id: "real", label: "Company" });
  const answer = await start("real");
  const { url } = (await answer.json()) as { url: string };
  const asked = new URL(url).searchParams;
  expect(Object.fromEntries(asked)).toMatchObject({
    response_type: "code",
    client_id: "lormas",
    code_challenge_method: "S256",
    redirect_uri: `${rig.plane.url}/api/auth/callback/real`,
    scope: "openid email profile",
  });
  for (const name of ["state", "nonce", "code_challenge"]) expect(asked.get(name)).toMatch(/^[\w-]{43}$/);
  const [kept = ""] = answer.headers.getSetCookie();
  expect(kept).toMatch(/; Max-Age=600; Path=\/api\/auth\/callback; HttpOnly; SameSite=Lax$/);
  for (const name of ["state", "nonce"]) expect(kept).not.toContain(asked.get(name));
  expect(url).not.toContain(encodeURIComponent(real.clientSecret));
});

test("somebody new gets an account with the configured role and nothing more, whatever the provider says of roles", async () => {
  const person = { ...verified("Ann@Example.org"), role: "superadmin", roles: ["superadmin"], groups: ["admin"] };
  const first = await signInBy(real, "real", "ann", person);
  expect([first.status, first.location]).toEqual([303, "/nodes"]);
  expect(await me(first.session).whoAmI({})).toMatchObject({ name: "ann@example.org", role: "", permissions: [] });
  const again = await signInBy(real, "real", "ann", person, { next: "/containers/a?b=c" });
  expect(again.location).toBe("/containers/a?b=c");
  const { users } = await admin().listUsers({});
  expect(users.filter(({ email }) => email === "ann@example.org")).toMatchObject([{ name: "Some Body", role: "" }]);
  // What an administrator gives holds, at the next sign-in too.
  await admin().updateUser({ email: "ann@example.org", role: "operator" });
  const later = await signInBy(real, "real", "ann", person);
  expect((await me(later.session).whoAmI({})).role).toBe("operator");
  const viewer = await signInBy(linking, "linking", "new", verified("new@example.org"));
  expect((await me(viewer.session).whoAmI({})).role).toBe("viewer");
  const { entries } = await audit().listAuditEntries({ object: "ann@example.org", pageSize: 100 });
  expect(entries.map(({ method, outcome }) => `${method} ${outcome}`)).toEqual(
    expect.arrayContaining(["auth/create-account ok", "auth/sign-in-by-provider ok"]),
  );
});

test("a claim gives a role only as the configuration maps it, at the first sign-in alone", async () => {
  const roleOf = async (subject: string, groups: unknown) => {
    const { session } = await signInBy(linking, "linking", subject, { ...verified(`${subject}@groups.org`), groups });
    return (await me(session).whoAmI({})).role;
  };
  expect(await roleOf("both", ["dev", "ops", "else"])).toBe("operator");
  expect(await roleOf("one", "dev")).toBe("developer");
  expect(await roleOf("other", ["superadmin", "constructor", 1, null])).toBe("viewer");
  expect(await roleOf("nothing", undefined)).toBe("viewer");
  expect(await roleOf("other", ["ops"]), "an account that is there keeps its role").toBe("viewer");
  const { session } = await signInBy(linking, "linking", "one", verified("one@groups.org"));
  const { sessions } = await me(session).listOwnSessions({});
  expect(sessions.find(({ current }) => current)).toMatchObject({ address: "127.0.0.1", userAgent: "node" });
});

test("an address that the provider has not verified makes no account and links none", async () => {
  await admin().createUser({ email: "eve@example.org", role: "superadmin" });
  for (const person of [
    { email: "eve@example.org", email_verified: false },
    { email: "eve@example.org" },
    // In words, as some providers have it; the type of a right answer rules it out.
    { email: "nobody@example.org", email_verified: "true" as unknown as boolean },
    { email_verified: true },
  ]) {
    for (const [provider, id] of [
      [real, "real"],
      [linking, "linking"],
    ] as const) {
      const { location, session } = await signInBy(provider, id, `unverified-${id}`, person);
      expect([person, problemOf(location), session]).toEqual([person, "email_not_verified", ""]);
    }
  }
  const { users } = await admin().listUsers({});
  expect(users.some(({ email }) => email === "nobody@example.org")).toBe(false);
});

test("an account of the same verified address is signed in to only where that is configured", async () => {
  const { password } = await admin().createUser({ email: "bob@example.org", name: "Bob", role: "developer" });
  const refused = await signInBy(real, "real", "bob", verified("bob@example.org"));
  expect([problemOf(refused.location), refused.session]).toEqual(["account_exists", ""]);
  const linked = await signInBy(linking, "linking", "bob", verified("BOB@example.org"));
  expect(linked.location).toBe("/nodes");
  // The first password may never have reached him: it opens nothing any more, and nothing asks him to change it.
  expect((await me(linked.session).whoAmI({})).name).toBe("bob@example.org");
  expect((await post("sign-in/email", { email: "bob@example.org", password })).status).toBe(401);
  const { users } = await admin().listUsers({});
  expect(users.find(({ email }) => email === "bob@example.org")).toMatchObject({ role: "developer", sessionCount: 1 });
  // Linked once, it is the subject that counts: another address makes no other account.
  const moved = await signInBy(linking, "linking", "bob", verified("robert@example.org"));
  expect(moved.session).not.toBe("");
  expect((await admin().listUsers({})).users.some(({ email }) => email === "robert@example.org")).toBe(false);
});

test("a second factor is asked for whichever way somebody signs in", async () => {
  await signInBy(real, "real", "tom", verified("tom@example.org"));
  await rig.database.database.orm.em
    .fork()
    .execute(`update auth."user" set "twoFactorEnabled" = true where email = 'tom@example.org'`);
  const asked = await signInBy(real, "real", "tom", verified("tom@example.org"), { next: "/alerts" });
  expect(asked.location).toBe("/sign-in?step=code&next=%2Falerts");
  expect(asked.session).toBe("");
  expect(cookieOf(asked.answer, "lormas.two_factor")).not.toBe("");
});

test("a way back that is forged, of another browser, of another provider, too late or used already signs nobody in", async () => {
  real.people.set("ida", verified("ida@example.org"));
  const { url, cookie } = await begin("real");
  const back = new URL(await real.signIn(url, "ida"));
  const changed = (change: (to: URL) => void): string => {
    const to = new URL(back);
    change(to);
    return to.href;
  };
  const other = await begin("real");
  const tampered = `${cookie.slice(0, -4)}AAAA`;
  const forged: [string, string, string][] = [
    ["no cookie", back.href, ""],
    ["another browser's cookie", back.href, other.cookie],
    ["a tampered cookie", back.href, tampered],
    ["a made-up cookie", back.href, "lormas.oidc=made-up"],
    ["another state", changed((to) => to.searchParams.set("state", "x".repeat(43))), cookie],
    ["no state", changed((to) => to.searchParams.delete("state")), cookie],
    ["another provider", changed((to) => (to.pathname = "/api/auth/callback/linking")), cookie],
    ["no such provider", changed((to) => (to.pathname = "/api/auth/callback/nobody")), cookie],
  ];
  for (const [what, to, sent] of forged) {
    const answer = await comeBack(to, sent);
    expect([what, answer.status, problemOf(answer.headers.get("location") ?? "")]).toEqual([
      what,
      303,
      "sign_in_expired",
    ]);
    expect(cookieOf(answer, "lormas.session_token")).toBe("");
  }
  const mixed = await comeBack(
    changed((to) => to.searchParams.set("iss", "https://evil.example")),
    cookie,
  );
  expect(problemOf(mixed.headers.get("location") ?? "")).toBe("provider_failed");
  const wrongCode = await comeBack(
    changed((to) => to.searchParams.set("code", "made-up")),
    cookie,
  );
  expect(problemOf(wrongCode.headers.get("location") ?? "")).toBe("provider_failed");
  const right = await comeBack(back.href, cookie);
  expect(cookieOf(right, "lormas.session_token")).not.toBe("");
  expect(right.headers.getSetCookie().join()).toContain("lormas.oidc=; Max-Age=0");
  const again = await comeBack(back.href, cookie);
  expect([problemOf(again.headers.get("location") ?? ""), cookieOf(again, "lormas.session_token")]).toEqual([
    "provider_failed",
    "",
  ]);
  const denied = await begin("real");
  const state = new URL(denied.url).searchParams.get("state");
  const no = await comeBack(
    `${rig.plane.url}/api/auth/callback/real?error=access_denied&state=${state}`,
    denied.cookie,
  );
  expect(problemOf(no.headers.get("location") ?? "")).toBe("provider_refused");
});

test("nobody is sent on to another site, before or after the sign-in", async () => {
  const foreign = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "evil",
    "/a\r\nset-cookie: x=y",
    `/${"x".repeat(1_024)}`,
  ];
  for (const next of foreign) {
    expect([next, isOwnPath(next)]).toEqual([next, false]);
    const answer = await start("real", next);
    expect([next, answer.status, cookieOf(answer, "lormas.oidc")]).toEqual([next, 400, ""]);
  }
  expect(isOwnPath("/nodes?a=b#c")).toBe(true);
  const crossSite = await fetch(`${rig.plane.url}/api/auth/sign-in/provider`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: "https://evil.example" },
    body: JSON.stringify({ provider: "real" }),
  });
  expect(crossSite.status).toBe(403);
  expect((await start("nobody")).status).toBe(404);
});

test.each(LIES.filter((lie) => lie !== "hangs"))(
  "a provider that is %s is refused with what to do, and passwords go on",
  async (lie) => {
    const answer = await start(lie);
    const code = lie === "broken" ? "provider_unreachable" : "provider_failed";
    expect([answer.status, await answer.json()]).toMatchObject([502, { code }]);
    expect((await fetch(`${rig.plane.url}/api/auth/get-session`)).status).toBe(200);
  },
);

test("a provider that never answers is given up after its bound, and holds nobody else up", async () => {
  const begunMs = systemClock.bootMs();
  const [slow, quick] = await Promise.all([start("hangs"), start("real").then(() => systemClock.bootMs() - begunMs)]);
  expect([slow.status, await slow.json()]).toMatchObject([502, { code: "provider_unreachable" }]);
  expect(systemClock.bootMs() - begunMs).toBeGreaterThanOrEqual(PROVIDER_MS_MAX - 100);
  expect(quick).toBeLessThan(PROVIDER_MS_MAX);
}, 30_000);

test("an id_token is believed only signed, for this client, of this issuer, of this sign-in and not expired", async () => {
  const outcomes: [string, string | null, boolean][] = [];
  for (const lie of [
    "nonce",
    "unsigned",
    "audience",
    "issuer",
    "expired",
    "stranger",
    "none",
    "subject",
    "split",
    "stolen",
    "good",
  ] as const) {
    const { url, cookie } = await begin("tokens");
    const asked = new URL(url).searchParams;
    liar.expected.nonce = asked.get("nonce") ?? "";
    const answer = await comeBack(
      `${rig.plane.url}/api/auth/callback/tokens?code=${lie}&state=${asked.get("state")}`,
      cookie,
    );
    const location = answer.headers.get("location") ?? "";
    outcomes.push([lie, problemOf(location), cookieOf(answer, "lormas.session_token") !== ""]);
  }
  expect(outcomes).toEqual([
    ...["nonce", "unsigned", "audience", "issuer", "expired", "stranger", "none", "subject"].map((lie) => [
      lie,
      "provider_failed",
      false,
    ]),
    ["split", "email_not_verified", false],
    ["stolen", "provider_failed", false],
    ["good", null, true],
  ]);
});

test("a file of providers is read with its secrets, and a wrong one is refused with what is wrong at which entry", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lormas-providers-"));
  const path = join(folder, "providers.yaml");
  const entry = "{ id: a, label: A, issuer: https://id.example.org, clientId: c, clientSecretFile: a.secret }";
  const read = async (text: string) => {
    await writeFile(path, text);
    return providersProblem(path) ?? readProviders(path);
  };
  try {
    await writeFile(join(folder, "a.secret"), "hush\n");
    expect(await read(`providers: [${entry}]`)).toEqual([
      {
        ...{ id: "a", label: "A", issuer: "https://id.example.org", clientId: "c", clientSecret: "hush" },
        ...{ firstRole: "none", linkByEmail: false },
      },
    ]);
    const wrong: [string, RegExp][] = [
      ["providers: [", /is no YAML/],
      ["", /providers/],
      [`providers: [${entry}, ${entry}]`, /names the provider a twice/],
      [`providers: [${entry.replace("https:", "http:")}]`, /providers\.0\.issuer: takes an https/],
      [`providers: [${entry.replace("id: a", "id: ../a")}]`, /providers\.0\.id/],
      [`providers: [${entry.replace("a.secret", "lost.secret")}]`, /lost\.secret/],
      [`providers: [${entry.replace("}", ", firstRole: superadmin }")}]`, /providers\.0\.firstRole/],
      [`providers: [${entry.replace("}", ", rolesClaim: groups }")}]`, /rolesClaim/],
      [
        `providers: [${entry.replace("}", ", firstRoles: { claim: g, map: { a: king } } }")}]`,
        /providers\.0\.firstRoles\.map\.a/,
      ],
      [
        `providers: [${Array.from({ length: 9 }, (_, index) => entry.replace("id: a", `id: a${index}`)).join(", ")}]`,
        /8/,
      ],
    ];
    for (const [text, reason] of wrong) expect(await read(text), text).toMatch(reason);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
