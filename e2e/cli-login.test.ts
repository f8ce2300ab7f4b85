import { statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fleet } from "./fleet/fleet.ts";
import { TerminalRun } from "./fleet/terminal-run.ts";
import { totpCode } from "./fleet/totp-code.ts";

/** Signing in from a machine that has nothing but an address and an account. */
const FIRST = "given at the start";
const OWN = "a password of my own";
let fleet: Fleet;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  fleet = await Fleet.up({
    args: ["--nodes", "1"],
    environment: { LORMAS_ADMIN_EMAIL: "ann@example.org", LORMAS_ADMIN_PASSWORD: FIRST },
  });
  env = { PATH: process.env["PATH"] ?? "", HOME: fleet.folder, XDG_CONFIG_HOME: join(fleet.folder, "config") };
});
afterAll(() => fleet?.dispose());

const lormas = (...args: string[]) => fleet.plainCli(env, args);
const context = async (name: string) => JSON.parse((await lormas("context", "show", name, "-o", "json")).stdout);

test("login asks on the terminal, shows no password, changes a first one, and keeps a token of this machine", async () => {
  const run = new TerminalRun([fleet.launcher, "login", "--url", fleet.httpUrl, "--context", "mine"], env);
  await run.answer("E-mail: ", "ann@example.org");
  await run.answer("Password: ", FIRST);
  await run.answer("New password: ", OWN);
  await run.answer("New password again: ", OWN);
  expect(await run.ended(), run.shown).toBe(0);
  expect(run.shown).toContain("ann@example.org");
  expect(run.shown).not.toContain(FIRST);
  expect(run.shown).not.toContain(OWN);
  expect(run.shown).not.toContain("lormas_");
  expect(statSync(join(fleet.folder, "config", "lormas", "contexts.json")).mode & 0o777).toBe(0o600);
  const nodes = await lormas("node", "ls");
  expect(nodes.code, nodes.stderr).toBe(0);
  expect(nodes.stdout).toContain("node-1");
  expect((await context("mine")).signedInBy).toMatch(/^token cli-/);
});

test("a second login replaces the token of the first, and logout revokes it", async () => {
  const tokens = async () => (await fleet.api().access.listTokens({})).tokens.map(({ name }) => name);
  const [before] = (await tokens()).filter((name) => name.startsWith("cli-"));
  const again = await fleet.plainCli(env, ["login", "--email", "ann@example.org", "--password-stdin"], OWN);
  expect(again.code, again.stderr).toBe(0);
  const [now, ...more] = (await tokens()).filter((name) => name.startsWith("cli-"));
  expect(more).toEqual([]);
  expect(now).not.toBe(before);
  const out = await lormas("logout");
  expect(out.code, out.stderr).toBe(0);
  expect((await tokens()).filter((name) => name.startsWith("cli-"))).toEqual([]);
  const refused = await lormas("node", "ls");
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain("next: lormas login --context mine");
});

test("whose role cannot make tokens keeps a session, which logout ends", async () => {
  const { password } = await fleet.api().access.createUser({ email: "bob@example.org", name: "Bob", role: "viewer" });
  const run = new TerminalRun([fleet.launcher, "login", "--email", "bob@example.org", "--context", "mine"], env);
  await run.answer("Password: ", password);
  await run.answer("New password: ", OWN);
  await run.answer("New password again: ", OWN);
  expect(await run.ended(), run.shown).toBe(0);
  const who = await lormas("auth", "whoami");
  expect(who.stdout).toMatch(/bob@example\.org/);
  expect((await context("mine")).signedInBy).toBe("session of bob@example.org");
  expect((await lormas("logout")).code).toBe(0);
  const { users } = await fleet.api().access.listUsers({});
  expect(users.find(({ email }) => email === "bob@example.org")?.sessionCount).toBe(0);
});

test("a second factor is set up on the terminal, login asks for it, and the account's own commands take it as well", async () => {
  const alone = { ...env, XDG_CONFIG_HOME: join(fleet.folder, "alone") };
  const { password } = await fleet.api().access.createUser({ email: "eve@example.org", name: "Eve", role: "viewer" });
  const at = ["--url", fleet.httpUrl, "--email", "eve@example.org"];
  const first = new TerminalRun([fleet.launcher, "login", ...at, "--context", "eve"], alone);
  await first.answer("Password: ", password);
  await first.answer("New password: ", OWN);
  await first.answer("New password again: ", OWN);
  expect(await first.ended(), first.shown).toBe(0);
  const setUp = new TerminalRun([fleet.launcher, "auth", "two-factor", "on", "--email", "eve@example.org"], alone);
  await setUp.answer("Password: ", OWN);
  await setUp.shows("Code that the app shows: ");
  const uri = /otpauth:\/\/\S+/.exec(setUp.shown)?.[0] ?? "";
  setUp.type(`${totpCode(uri)}\r`);
  expect(await setUp.ended(), setUp.shown).toBe(0);
  const [recovery = ""] = /\b[A-Za-z0-9]{5}-[A-Za-z0-9]{5}\b/.exec(setUp.shown.split("Recovery codes")[1] ?? "") ?? [];

  const again = new TerminalRun([fleet.launcher, "login", ...at, "--context", "eve"], alone);
  await again.answer("Password: ", OWN);
  const code = totpCode(uri, 1);
  await again.answer("Code of your app, or a recovery code: ", code);
  expect(await again.ended(), again.shown).toBe(0);
  const login = ["login", ...at, "--context", "eve", "--password-stdin", "--code"];
  const used = await fleet.plainCli(alone, [...login, code], OWN);
  expect([used.code, used.stderr]).toEqual([4, expect.stringContaining("used already")]);
  const recovered = await fleet.plainCli(alone, [...login, recovery], OWN);
  expect(recovered.code, recovered.stderr).toBe(0);
  expect((await fleet.plainCli(alone, [...login, recovery], OWN)).code).toBe(4);

  const sessions = await fleet.plainCli(alone, ["auth", "sessions", "-o", "json"]);
  const listed = JSON.parse(sessions.stdout).sessions as { current?: boolean; userAgent?: string }[];
  expect(listed.filter(({ current }) => current === true)).toMatchObject([{ userAgent: "lormas-cli" }]);
  const ended = await fleet.plainCli(alone, ["auth", "end-session", "--others"]);
  expect(ended.stdout).toMatch(/^\d sessions? ended/);
  const profile = await fleet.plainCli(alone, ["auth", "profile", "--time-zone", "europe/zurich"]);
  expect(profile.stdout).toMatch(/Second factor +codes of an app[\s\S]*Time zone +Europe\/Zurich/);
  const changed = await fleet.plainCli(alone, ["auth", "password", "--passwords-stdin"], `${OWN}\n${OWN} indeed`);
  expect(changed.code, changed.stderr).toBe(0);
  expect((await fleet.plainCli(alone, ["auth", "whoami"])).stdout).toContain("eve@example.org");
  const removed = await fleet.cli("user", "remove-two-factor", "eve@example.org");
  expect(removed.code, removed.stderr).toBe(0);
  const plain = await fleet.plainCli(alone, login.slice(0, -1), `${OWN} indeed`);
  expect(plain.code, plain.stderr).toBe(0);
});

test("a token that is given is tried, kept, and only forgotten", async () => {
  const wrong = await fleet.plainCli(env, ["login", "--url", fleet.httpUrl, "--token-stdin"], "lormas_wrong");
  expect(wrong.code).toBe(4);
  const right = await fleet.plainCli(env, ["login", "--url", fleet.httpUrl, "--token-stdin"], `${fleet.token}\n`);
  expect(right.code, right.stderr).toBe(0);
  expect(right.stdout).toContain("superadmin");
  expect(right.stdout + right.stderr).not.toContain(fleet.token);
  expect((await lormas("logout")).stdout).toContain("stays valid");
  expect((await fleet.api().access.whoAmI({})).name).toBe("admin");
});

test("a wrong password, no terminal and an unencrypted way are refused with what to do", async () => {
  const wrong = await fleet.plainCli(env, ["login", "--email", "ann@example.org", "--password-stdin"], "not it");
  expect([wrong.code, wrong.stderr]).toEqual([4, expect.stringContaining("the password is wrong")]);
  const blind = await lormas("login", "--url", fleet.httpUrl);
  expect([blind.code, blind.stderr]).toEqual([2, expect.stringContaining("next: give --email")]);
  const open = await lormas("login", "--url", "http://lormas.example.org");
  expect([open.code, open.stderr]).toEqual([4, expect.stringContaining("--insecure")]);
});

test("a fleet whose coordinator has a certificate of its own authority is used by its own CLI at once, by others with --ca-file", {
  timeout: 180_000,
}, async () => {
  const encrypted = await Fleet.up({ args: ["--nodes", "1"], environment: { LORMAS_PUBLIC_TLS: "own-ca" } });
  try {
    expect(encrypted.httpUrl).toMatch(/^https:/);
    const nodes = await encrypted.cli("node", "ls");
    expect([nodes.code, nodes.stdout], nodes.stderr).toEqual([0, expect.stringContaining("node-1")]);
    const login = ["login", "--url", encrypted.httpUrl, "--context", "tls", "--token-stdin"];
    const unknown = await encrypted.plainCli(env, login, encrypted.token);
    expect([unknown.code, unknown.stderr]).toEqual([
      4,
      expect.stringMatching(/is not trusted.*\n {2}next: .*--ca-file/),
    ]);
    const ca = join(encrypted.dataDir.path, "pki", "ca-certificate.pem");
    const pinned = await encrypted.plainCli(env, [...login, "--ca-file", ca], encrypted.token);
    expect(pinned.code, pinned.stderr).toBe(0);
    const again = await encrypted.plainCli(env, ["node", "ls", "--context", "tls"]);
    expect([again.code, again.stdout], again.stderr).toEqual([0, expect.stringContaining("node-1")]);
  } finally {
    await encrypted.dispose();
  }
});
