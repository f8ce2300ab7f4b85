import { type ChildProcess, spawn } from "node:child_process";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../lab/src/until.ts";
import { Fleet } from "./fleet/fleet.ts";
import { TerminalRun } from "./fleet/terminal-run.ts";

/** What the command line shows of things that change, on a real fleet. */
let fleet: Fleet;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "fast" } });
  env = { PATH: process.env["PATH"] ?? "", HOME: fleet.folder, LORMAS_DATA_DIR: fleet.dataDir.path };
});
afterAll(() => fleet?.dispose());

const lormas = (...args: string[]) => fleet.plainCli(env, args);
async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await lormas(...args);
  expect(code, `${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
  return stdout;
}

test("--wait shows every state until it is reached", { timeout: 180_000 }, async () => {
  const created = await done("container", "create", "web", "--egg", "hello-http", "--ha", "--wait", "--timeout", "60s");
  expect(created).toMatch(/web shall be running, is running on node-\d\n$/);
  expect(await done("container", "restart", "web", "--wait")).toMatch(/is running on node-\d\n$/);
  // Where the machine is too busy for the egg's start budget, a migration fails, and says so.
  let moved = await lormas("container", "migrate", "web", "--wait");
  for (let again = 0; again < 3 && moved.code === 1; again += 1) {
    expect(moved.stderr).toMatch(/the migration of web has failed: .*\n {2}next: lormas migration show/);
    await fleet.container("web", "RUNNING");
    moved = await lormas("container", "migrate", "web", "--wait");
  }
  expect(moved.stdout).toMatch(
    /^web leaves node-\d.*\nweb: .*web runs on node-\d, after \d+\.\d s without service\n$/s,
  );
  const stopped = JSON.parse(await done("container", "stop", "web", "--wait", "-o", "json"));
  expect(stopped.status).toBe("CONTAINER_STATUS_STOPPED");
  expect(await done("container", "start", "web", "--wait")).toMatch(/is running on node-\d\n$/);
});

test("--wait ends with 7 when the time is up, and for what is removed when it is gone", {
  timeout: 120_000,
}, async () => {
  const base = ["container", "create", "huge", "--egg", "hello-http", "--memory", "1000Gi"];
  const late = await lormas(...base, "--wait", "--timeout", "1");
  expect([late.code, late.stderr]).toEqual([7, expect.stringContaining("next: it goes on; follow it")]);
  expect((await done("container", "rm", "huge", "--wait")).trim()).toMatch(/huge is gone$/);
  expect((await lormas("container", "show", "huge")).code).toBe(3);
});

test("a beginning of a name or id will do to look; to end something it takes 8 characters of an id", async () => {
  expect(await done("container", "show", "we")).toContain("web");
  const { id } = JSON.parse(await done("container", "show", "web", "-o", "json"));
  expect(await done("container", "show", id.slice(0, 13))).toContain("web");
  const several = await lormas("node", "show", "node");
  expect([several.code, several.stderr]).toEqual([2, expect.stringContaining('3 nodes begin with "node": node-1 (')]);
  const short = await lormas("container", "rm", "we");
  expect([short.code, short.stderr]).toEqual([3, expect.stringContaining("did you mean web (")]);
  expect(await done("container", "stop", id.slice(0, 13), "--wait")).toContain("stopped");
  await done("container", "start", "web", "--wait");
  expect((await lormas("container", "show", "nothing")).stderr).toContain('There is no container "nothing"');
});

test("--watch on a terminal draws anew at a change and ends with Ctrl-C, which is no failure", async () => {
  await fleet.createRunning("shown", { type: "CONTAINER_TYPE_STANDARD" });
  const run = new TerminalRun([fleet.launcher, "container", "ls", "--watch"], env);
  await run.shows("\u001b[32mrunning\u001b[0m");
  await done("container", "create", "late", "--egg", "hello-http");
  await run.shows("late");
  run.type("\u0003");
  expect(await run.ended(), run.shown).toBe(0);
  const plain = new TerminalRun([fleet.launcher, "container", "ls"], { ...env, NO_COLOR: "1" });
  await plain.ended();
  expect(plain.shown).not.toContain("\u001b[3");
});

test("--watch into a pipe prints what is new or different, and ends when nobody reads it", async () => {
  const lines = new Piped(["container", "ls", "--watch"], env);
  await lines.has(/^NAME +STATUS/m);
  await done("container", "stop", "late", "--wait");
  await lines.has(/^late +stopped/m);
  expect(lines.text.match(/^NAME/gm)).toHaveLength(1);
  expect(lines.text).not.toContain("\u001b");
  lines.close();
  await done("container", "start", "late", "--wait");
  expect(await lines.ended()).toBe(0);

  const objects = new Piped(["container", "show", "late", "--watch", "-o", "json"], env);
  await objects.has(/\n/);
  await done("container", "stop", "late", "--wait");
  await objects.has(/CONTAINER_STATUS_STOPPED/);
  const all = objects.text.trim().split("\n");
  expect(all.map((line) => JSON.parse(line).name)).toEqual(all.map(() => "late"));
  objects.interrupt();
  expect(await objects.ended()).toBe(0);
});

test("events -f ends when nobody reads it", async () => {
  const events = new Piped(["events", "-f"], env);
  await events.has(/\n/);
  events.close();
  await done("container", "start", "late", "--wait");
  expect(await events.ended()).toBe(0);
});

test("a job says what it came to, and its log what happened meanwhile; -f ends with the job", async () => {
  const listed = await done("job", "ls", "--container", "web", "--filter", "kind = restart", "-o", "json");
  const [restart] = JSON.parse(listed).jobs;
  expect(await done("job", "show", restart.id)).toMatch(/Result +running on node-\d as epoch \d+\n/);
  const log = (await done("job", "logs", restart.id)).trim().split("\n");
  expect([log[0], log.at(-1)]).toEqual([
    expect.stringMatching(/web is being stopped$/),
    expect.stringMatching(/web runs and answers$/),
  ]);
  expect(JSON.parse(await done("job", "logs", restart.id, "-o", "json")).events).toHaveLength(log.length);
  await done("container", "create", "vast", "--egg", "hello-http", "--memory", "1000Gi");
  const [creation] = JSON.parse(await done("job", "ls", "--container", "vast", "-o", "json")).jobs;
  expect([creation.state, creation.progress.step]).toEqual(["JOB_STATE_RUNNING", "unplaced"]);
  const followed = new Piped(["job", "logs", creation.id, "-f"], env);
  await followed.has(/waits for a node/);
  await done("container", "rm", "vast", "--wait");
  expect(await followed.ended()).toBe(0);
  expect(followed.text).toMatch(/vast is removed\n$/);
});

test("Tab in bash completes commands, and names of what is there", async () => {
  await done("container", "create", "tab-me", "--egg", "hello-http");
  const path = `${dirname(fleet.launcher)}:${env["PATH"]}`;
  const bash = new TerminalRun(["bash", "--norc", "-i"], { ...env, PATH: path, PS1: "> " });
  bash.type("source <(lormas completion bash); echo rea''dy\r");
  await bash.shows("ready");
  bash.type("lormas contai\t");
  await bash.shows("lormas container ");
  bash.type("show tab\t");
  await bash.shows("show tab-me ");
  bash.type("--output=js\t");
  await bash.shows("--output=json ");
  bash.type("\u0015exit\r");
  expect(await bash.ended()).toBe(0);
});

/** A command with a pipe on its stdout. */
class Piped {
  text = "";
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;

  constructor(args: readonly string[], environment: NodeJS.ProcessEnv) {
    this.#child = spawn(fleet.launcher, [...args], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
    this.#child.stdout?.on("data", (chunk: Buffer) => (this.text += chunk.toString()));
    this.#exit = new Promise((resolve) => this.#child.once("exit", resolve));
  }

  async has(pattern: RegExp): Promise<void> {
    await until(`${pattern} is printed`, 30_000, () => pattern.test(this.text));
  }

  /** Reads no more, as `head` does. */
  close(): void {
    this.#child.stdout?.destroy();
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  async ended(): Promise<number | null> {
    let code: number | null | undefined;
    void this.#exit.then((value) => (code = value));
    await until("it has ended", 30_000, () => code !== undefined);
    return code ?? null;
  }
}
