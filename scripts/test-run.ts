// The whole test run: checks, dashboard build, vitest, Playwright, and a look at what was left behind. Every check,
// every test and every leftover counts; the last line says how many passed and failed.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { repositoryRoot } from "./bootstrap.mjs";
import { containers, killAll, mountsUnder, processesOf, RUN_MARK } from "./test-leftovers.ts";
import { chromiumPath, needs } from "./test-needs.ts";
import {
  closingLine,
  EMPTY_TALLY,
  failure,
  type PlaywrightReport,
  playwrightTally,
  skipLines,
  sum,
  type Tally,
} from "./test-tally.ts";
import { ensureUiBuilt } from "./ui-build.mjs";

/** A run that takes this long hangs: it is killed and fails. One is meant to take less than 15 minutes on two cores. */
const RUN_LIMIT_MS = 25 * 60_000;
/** How long what ended may take to be gone before it counts as left behind. */
const LEFTOVER_GRACE_MS = 5_000;

const required = process.env["LORMAS_TEST_REQUIRE"] === "1";
const runId = randomBytes(6).toString("hex");
// Everything temporary goes here, so that what is left can be told apart. Short, because sockets live in it, and open
// to all, because PostgreSQL runs as another user there when we are root.
const folder = mkdtempSync(join(tmpdir(), "lt-"));
chmodSync(folder, 0o777);
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  TMPDIR: folder,
  [RUN_MARK]: runId,
  // Hundreds of processes are started from source.
  NODE_COMPILE_CACHE: join(repositoryRoot, "node_modules", ".cache", "lormas"),
  PATH: `${join(repositoryRoot, "node_modules", ".bin")}${delimiter}${process.env["PATH"] ?? ""}`,
};
const begun = performance.now();
let running: ChildProcess | undefined;
let ended: string | undefined;

/** Ends the run before its time: what runs is killed, what was counted so far is still said. */
function endRun(reason: string): void {
  ended ??= reason;
  killAll(processesOf(runId, folder));
}
const limit = setTimeout(() => endRun(`the run took longer than ${RUN_LIMIT_MS / 60_000} minutes`), RUN_LIMIT_MS);
process.on("SIGINT", () => endRun("interrupted"));
process.on("SIGTERM", () => endRun("terminated"));

/** Runs a script of this repository under the pinned Node with its output shown; resolves with its exit code. */
function run(args: readonly string[], extra: NodeJS.ProcessEnv = {}): Promise<number | null> {
  return new Promise((resolve) => {
    running = spawn(process.execPath, args, {
      cwd: repositoryRoot,
      env: { ...environment, ...extra },
      stdio: ["ignore", "inherit", "inherit"],
    });
    running.on("close", resolve);
  });
}

function readJson<T>(path: string): T | undefined {
  // The files are written by our own steps just before.
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : undefined;
}

/** Counts a part from the file it wrote; one that wrote none, or failed without saying where, is a failure itself. */
function counted(name: string, exitCode: number | null, tally: Tally | undefined): Tally {
  if (tally === undefined) return failure(`${name} broke down (exit code ${exitCode}), see above`);
  if (exitCode !== 0 && tally.failed === 0) return sum([tally, failure(`${name} ended with exit code ${exitCode}`)]);
  return tally;
}

async function checks(): Promise<Tally> {
  const path = join(folder, "checks.json");
  const exitCode = await run(["scripts/check.ts", "--json", path]);
  const outcomes = readJson<{ name: string; ok: boolean }[]>(path);
  const each = outcomes?.map(({ name, ok }) => (ok ? { ...EMPTY_TALLY, passed: 1 } : failure(`check: ${name}`)));
  return counted("npm run check", exitCode, each === undefined ? undefined : sum(each));
}

async function dashboard(): Promise<Tally> {
  try {
    const outcome = ensureUiBuilt();
    console.log(`dashboard: ${outcome}`);
    return outcome === "absent" ? EMPTY_TALLY : { ...EMPTY_TALLY, passed: 1 };
  } catch (error) {
    console.error(String(error));
    return failure("the dashboard does not build");
  }
}

async function unitAndIntegration(): Promise<Tally> {
  const path = join(folder, "vitest.json");
  const exitCode = await run(["node_modules/vitest/vitest.mjs", "run", ...process.argv.slice(2)], {
    LORMAS_TALLY: path,
  });
  return counted("vitest", exitCode, readJson<Tally>(path));
}

async function browser(): Promise<Tally> {
  const config = "e2e/playwright.config.ts";
  if (!existsSync(join(repositoryRoot, config))) return EMPTY_TALLY;
  if (chromiumPath() === undefined) return EMPTY_TALLY;
  const path = join(folder, "playwright.json");
  const exitCode = await run(
    [
      "node_modules/@playwright/test/cli.js",
      "test",
      "-c",
      config,
      "--reporter=list,json",
      "--output",
      join(folder, "pw"),
    ],
    { PLAYWRIGHT_JSON_OUTPUT_NAME: path, LORMAS_CHROMIUM: chromiumPath() },
  );
  const report = readJson<PlaywrightReport>(path);
  return counted("playwright", exitCode, report === undefined ? undefined : playwrightTally(report));
}

/** What the run left behind, each named, ended and counted as a failure. */
async function leftovers(containersBefore: ReadonlyMap<string, string>): Promise<Tally> {
  const deadline = performance.now() + LEFTOVER_GRACE_MS;
  let processes = processesOf(runId, folder);
  while (processes.length > 0 && performance.now() < deadline) {
    await sleep(100);
    processes = processesOf(runId, folder);
  }
  const parts = processes.map(({ pid, command }) => failure(`left behind: process ${pid} ${command}`));
  killAll(processes);
  for (const [id, name] of containers()) {
    // On an engine that others use, too, only what carries a label of ours is ours.
    if (containersBefore.has(id) || !(required || name.includes("lormas"))) continue;
    parts.push(failure(`left behind: container ${name}`));
    spawnSync("docker", ["rm", "--force", "--volumes", id]);
  }
  for (const mount of mountsUnder(folder).reverse()) {
    parts.push(failure(`left behind: mount ${mount}`));
    spawnSync("umount", ["--lazy", mount]);
  }
  return sum(parts);
}

const machine = needs();
const before = containers();
const steps = [checks, dashboard, unitAndIntegration, browser];
const parts: Tally[] = [];
for (const step of steps) if (ended === undefined) parts.push(await step());
clearTimeout(limit);
if (ended !== undefined) parts.push(failure(`ended early: ${ended}`));
parts.push(await leftovers(before));
const missing = machine.filter(({ met }) => !met);
if (required) parts.push(...missing.map(({ name, remedy }) => failure(`required, but missing: ${name}: ${remedy}`)));
const files = readdirSync(folder).filter(
  (name) => !/^(checks|vitest|playwright)\.json$|^pw$|^node-compile-cache$/.test(name),
);
rmSync(folder, { recursive: true, force: true });

const total = sum(parts);
console.log("");
for (const line of skipLines(total)) console.log(line);
if (!required) for (const { name, remedy } of missing) console.log(`not here: ${name}: ${remedy}`);
if (files.length > 0)
  console.log(`temporary files left and removed: ${files.slice(0, 10).join(", ")} (${files.length})`);
for (const line of total.failures) console.log(`FAILED ${line}`);
console.log(`took ${Math.round((performance.now() - begun) / 1000)} s`);
console.log(closingLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;
