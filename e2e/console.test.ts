import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../lab/src/until.ts";
import { answeringEgg } from "./fleet/answering-egg.ts";
import { Fleet } from "./fleet/fleet.ts";
import { TerminalRun } from "./fleet/terminal-run.ts";

/** What people do at the console of a container, on a real fleet. */
let fleet: Fleet;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "fast" } });
  env = { PATH: process.env["PATH"] ?? "", HOME: fleet.folder, LORMAS_DATA_DIR: fleet.dataDir.path };
  const hangs = "trap 'echo asked' TERM; while :; do sleep 0.1; done";
  const deaf = answeringEgg("deaf", { startup: { exec: hangs }, stop: { signal: "SIGTERM", graceMs: 600_000 } });
  for (const one of [answeringEgg("world"), deaf]) {
    const file = join(fleet.folder, `${one.id}.json`);
    writeFileSync(file, JSON.stringify(one));
    await done("egg", "import", file);
    await done("container", "create", one.id, "--egg", one.id, "--ha", "--wait");
  }
}, 180_000);
afterAll(() => fleet?.dispose());

const lormas = (...args: string[]) => fleet.plainCli(env, args);
async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await lormas(...args);
  expect(code, `${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
  return stdout;
}
const logs = () => done("container", "logs", "world");
const printed = (text: string) => until(`world prints ${text}`, 30_000, async () => (await logs()).includes(text));

test("a line that is sent reaches the process, and nothing is printed where it did", { timeout: 60_000 }, async () => {
  expect(await done("container", "send", "world", "say", "hello")).toBe("");
  await printed("got say hello\n");
  const nobody = await lormas("container", "send", "nobody", "x");
  expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining('There is no container "nobody"')]);
});

test("what is piped in is written line by line, and output is shown until it has been quiet", {
  timeout: 60_000,
}, async () => {
  const child = spawn(fleet.launcher, ["container", "attach", "world", "--tail", "0", "--linger", "5"], { env });
  let shown = "";
  child.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  const lines = Array.from({ length: 300 }, (_, at) => `line ${at} ${"x".repeat(40)}`);
  child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code, shown).toBe(0);
  expect(shown.split("\n").filter((line) => line.startsWith("got line"))).toEqual(lines.map((line) => `got ${line}`));
});

test("on a terminal it is a console for any number of people; Ctrl-C detaches, and it runs on", {
  timeout: 90_000,
}, async () => {
  const command = [fleet.launcher, "container", "attach", "world", "--tail", "0"];
  const [ann, ben] = [new TerminalRun(command, env), new TerminalRun(command, env)];
  for (const run of [ann, ben]) await run.shows("attached to world; Ctrl-C detaches");
  ann.type("from ann\r");
  await ben.shows("got from ann");
  ben.type("from ben\r");
  await ann.shows("got from ben");
  for (const run of [ann, ben]) run.type("\u0003");
  expect([await ann.ended(), await ben.ended()], ann.shown).toEqual([0, 0]);
  expect(await done("container", "ls")).toMatch(/world +running/);
});

test("what it uses is shown once it was reported", { timeout: 60_000 }, async () => {
  await until("a report", 40_000, async () => (await done("container", "stats", "world")).includes("of 0.05 cores"));
  const [first] = (await done("container", "stats", "world", "-o", "json")).split("\n");
  expect(Number(JSON.parse(first ?? "{}").usage.memoryBytes)).toBeGreaterThan(0);
  expect(await done("container", "stats", "world", "--since", "1h")).toMatch(/^SINCE +SECONDS/);
  const both = await lormas("container", "stats", "world", "--watch", "--since", "1h");
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("leave one of them out")]);
});

test("a suspended container is stopped by its command, and its owner is told why he cannot start it", {
  timeout: 90_000,
}, async () => {
  expect(await done("container", "suspend", "world", "--reason", "unpaid")).toContain("world is suspended");
  await until("it is stopped", 30_000, async () => /world +stopped/.test(await done("container", "ls")));
  const output = await logs();
  expect(output).toContain("got stop\nbye\n");
  expect(output).not.toContain("asked");
  const refused = await lormas("container", "start", "world");
  expect([refused.code, refused.stderr]).toEqual([
    6,
    expect.stringMatching(/world is suspended by token:admin: unpaid.*\n {2}next: ask whoever runs the fleet/s),
  ]);
  expect(await done("container", "ls")).toMatch(/suspended by token:admin since .*: unpaid/);
  await done("container", "unsuspend", "world");
  await done("container", "start", "world", "--wait");
});

test("a container that hangs in its stop is killed, and stays so", { timeout: 60_000 }, async () => {
  await done("container", "stop", "deaf");
  await until("it was asked", 30_000, async () => (await done("container", "logs", "deaf")).includes("asked"));
  expect(await done("container", "ls")).toMatch(/deaf +stopping/);
  expect(await done("container", "kill", "deaf", "--wait", "--timeout", "30s")).toContain("is stopped");
  expect(await done("job", "ls", "--container", "deaf")).toMatch(/kill +succeeded/);
  const sent = await lormas("container", "send", "deaf", "x");
  expect([sent.code, sent.stderr]).toEqual([6, expect.stringContaining("does not run")]);
});
