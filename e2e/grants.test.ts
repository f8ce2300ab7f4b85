import { afterAll, beforeAll, expect, test } from "vitest";
import { Fleet } from "./fleet/fleet.ts";

/** Roles for a part of the fleet, by the command line, on a real fleet. */
let fleet: Fleet;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "fast" } });
  env = { PATH: process.env["PATH"] ?? "", HOME: fleet.folder, LORMAS_DATA_DIR: fleet.dataDir.path };
  await done("cluster", "create", "games");
  await done("container", "create", "shop", "--egg", "hello-http", "--wait", "--timeout", "60s");
});
afterAll(() => fleet?.dispose());

const lormas = (...args: string[]) => fleet.plainCli(env, args);
async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await lormas(...args);
  expect(code, `${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
  return stdout;
}

test("somebody is given roles for places, shown with them, and loses them", async () => {
  await done("user", "create", "ann@example.org", "--role", "none");
  expect(await done("user", "grant", "ann@example.org", "--role", "developer", "--cluster", "games")).toBe(
    "ann@example.org has developer in games\n",
  );
  await done("user", "grant", "ann@example.org", "--role", "viewer", "--container", "shop");
  const shown = await done("user", "show", "ann@example.org");
  expect(shown).toMatch(/Everywhere +none\n/);
  expect(shown).toMatch(/developer in games\n/);
  expect(await done("user", "ls")).toMatch(/ann@example.org .* developer in games, viewer for shop /);
  expect(await done("user", "ungrant", "ann@example.org", "--role", "developer", "--cluster", "games")).toBe(
    "ann@example.org has viewer for shop\n",
  );
  const neither = await lormas("user", "grant", "ann@example.org", "--role", "viewer");
  expect([neither.code, neither.stderr]).toEqual([2, expect.stringContaining("for one cluster or for one container")]);
});

test("a token for one cluster sees, runs and removes containers there, and finds nothing else", {
  timeout: 120_000,
}, async () => {
  const secret = (await done("token", "create", "ci", "--role", "none", "--grant", "developer@cluster=games")).trim();
  const scoped = { ...env, LORMAS_URL: fleet.httpUrl, LORMAS_TOKEN: secret };
  const as = (...args: string[]) => fleet.plainCli(scoped, args);
  const create = ["container", "create", "arena", "--egg", "hello-http"];
  const nowhere = await as(...create);
  expect(nowhere.stderr).toMatch(
    /token ci has developer in cluster games, which does not grant container:create for everything/,
  );
  // games has no nodes of its own, and the token may use no others; the administrator may.
  expect((await as(...create, "--cluster", "games")).stderr).toContain("no node of games can take arena now");
  await done(...create, "--cluster", "games", "--wait", "--timeout", "60s");
  expect((await as("container", "ls")).stdout).toContain("arena");
  expect((await as("container", "restart", "arena", "--wait")).stdout).toMatch(/is running on node-\d\n$/);
  expect((await as("container", "ls")).stdout).not.toContain("shop");
  for (const args of [
    ["container", "show", "shop"],
    ["container", "stop", "sho"],
    ["container", "logs", "shop"],
    ["node", "show", "node-1"],
    ["cluster", "show", "local"],
  ]) {
    const { code, stderr } = await as(...args);
    expect([args, code]).toEqual([args, 3]);
    expect(stderr).toMatch(/[Tt]here is no /);
  }
  const events = (await as("events")).stdout;
  expect(events).toContain("arena");
  expect(events).not.toContain("shop");
  const may = await as("auth", "can-i", "container:stop", "--container", "arena");
  expect(may.stdout).toBe("yes: The role developer grants container:*; token ci has it in cluster games.\n");
  expect((await as("auth", "can-i", "container:stop")).code).toBe(1);
  expect((await as("auth", "whoami")).stdout).toMatch(/Role +developer in games\n/);
  expect((await as("container", "rm", "arena", "--wait")).code).toBe(0);
  // Of what is gone the last event is still theirs.
  expect((await as("events")).stdout).toContain("arena is removed");
});

test("a role of one's own is made, shown, changed, listed and removed", async () => {
  const made = await done("role", "create", "crew", "--include", "viewer", "--grant", "container:restart");
  expect(made).toMatch(/^crew may .*container:restart/);
  await done("role", "update", "crew", "--grant", "container:start", "--description", "starts things");
  const shown = await done("role", "show", "crew");
  expect(shown).toMatch(/Includes +viewer\n/);
  expect(shown).toMatch(/Grants +container:start\n/);
  expect(await done("role", "ls")).toMatch(/crew +viewer +container:start +own +starts things/);
  const typo = await lormas("role", "update", "crew", "--grant", "container:strat");
  expect(typo.stderr).toMatch(/there is no permission container:strat.*\n.*near ones: container:start/s);
  await done("role", "rm", "crew");
  expect((await lormas("role", "rm", "crew")).stderr).toContain("there is no role crew");
});
