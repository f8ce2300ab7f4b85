import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { BUILT_IN_CATEGORIES, BUILT_IN_EGGS } from "./built-in-eggs.ts";
import { resolveWorkload } from "./resolve-workload.ts";
import { placeholdersIn } from "./startup-template.ts";

const children: ChildProcess[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, "SIGKILL");
  }
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

const fetchText = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece) => {
        text += piece;
      });
      response.on("end", () => resolve(`${response.statusCode} ${response.headers["content-type"]} ${text}`));
    }).on("error", reject);
  });

/** Starts an egg as a runtime would, answers what GET / says and how it ended on its stop signal. */
async function run(eggId: string, runtime: string, environment: Record<string, string>) {
  const egg = BUILT_IN_EGGS.find(({ id }) => id === eggId);
  if (egg === undefined) throw new Error(`no egg ${eggId}`);
  const resolved = resolveWorkload(egg, { environment, hostPorts: {}, resources: {} });
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  const folder = await mkdtemp(join(tmpdir(), "lormas-egg-"));
  folders.push(folder);
  const port = await freePort();
  const commandLine = (resolved.spec.startup[runtime] ?? "").replaceAll("/tmp/www", join(folder, "www"));
  const child = spawn("/bin/sh", ["-c", commandLine], {
    detached: true,
    stdio: "ignore",
    env: {
      ...resolved.spec.env,
      LORMAS_NODE: "node-7",
      LORMAS_CONTAINER: "web",
      LORMAS_EPOCH: "3",
      LORMAS_ADDRESS: "127.0.0.1",
      LORMAS_NODE_BIN: process.execPath,
      PORT_HTTP: String(port),
    },
  });
  children.push(child);
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const answer = await vi.waitFor(() => fetchText(port), { timeout: 10_000, interval: 20 });
  child.kill(egg.stop.signal as NodeJS.Signals);
  return { answer, exitCode: await ended };
}

const runtimes = ["exec", ...(existsSync("/bin/busybox") ? ["docker"] : [])];
if (!runtimes.includes("docker")) {
  test.runIf(process.env["LORMAS_TEST_REQUIRE"] === "1")("BusyBox is here, as LORMAS_TEST_REQUIRE=1 demands", () => {
    expect.fail("/bin/busybox is missing: apt-get install busybox-static");
  });
  test.skip("docker startups answer (no /bin/busybox: apt-get install busybox-static)", () => {});
}

test.each(runtimes)("hello-http says where it runs and ends on its stop signal (%s)", async (runtime) => {
  const { answer, exitCode } = await run("hello-http", runtime, { GREETING: "it's 100 % $HOME" });
  expect(answer).toContain("200 text/");
  expect(answer).toContain("it's 100 % $HOME from node-7 epoch 3 container web\n");
  expect(exitCode).toBe(0);
});

test.each(runtimes)("static-site serves its page as HTML and ends on its stop signal (%s)", async (runtime) => {
  const page = "<p title='a \"b\"'>100 % `pwd` \\n $X</p>";
  const { answer, exitCode } = await run("static-site", runtime, { CONTENT: page });
  expect(answer).toMatch(/^200 text\/html/);
  expect(answer.endsWith(page)).toBe(true);
  expect(exitCode).toBe(0);
});

test.each(BUILT_IN_EGGS.map((egg) => [egg.id, egg] as const))("egg %s is sound in itself", (_id, egg) => {
  expect(BUILT_IN_CATEGORIES.map(({ id }) => id)).toContain(egg.categoryId);
  const names = egg.variables.map(({ name }) => name);
  for (const commandLine of Object.values(egg.startup)) {
    expect(placeholdersIn(commandLine).filter((name) => !names.includes(name))).toEqual([]);
  }
  if ("docker" in egg.startup) expect(egg.image).not.toBe("");
  expect(egg.startBudgetMs).toBeGreaterThan(egg.health?.intervalMs ?? 0);
  if (egg.health !== null && egg.health.kind !== "command") {
    expect(egg.ports.map(({ name }) => name)).toContain(egg.health.portName);
  }
  const environment = egg.id === "postgres" ? { POSTGRES_PASSWORD: "long-enough" } : {};
  expect(resolveWorkload(egg, { environment, hostPorts: {}, resources: {} }).ok).toBe(true);
});
