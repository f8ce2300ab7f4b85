// The fault campaigns one after another, each with a bound in time; those that only compute run beside those that mostly wait. The last
// line says how many tests passed and failed.
// Arguments name the suites to run; without any, all that need not be named.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { repositoryRoot } from "./bootstrap.mjs";
import { FAULT_SUITES, type FaultSuite } from "./fault-suites.ts";
import { killAll, processesOf, RUN_MARK } from "./test-leftovers.ts";
import { closingLine, EMPTY_TALLY, failure, skipLines, sum, type Tally } from "./test-tally.ts";
import { ensureUiBuilt } from "./ui-build.mjs";

/** How long what ended may take to be gone before it counts as left behind. */
const LEFTOVER_GRACE_MS = 5_000;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !FAULT_SUITES.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(", ")}: choose among ${FAULT_SUITES.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
let ended: string | undefined;
const running = new Set<ChildProcess>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    ended ??= signal;
    for (const child of running) child.kill("SIGKILL");
  });
}

/** Runs one suite to its end or its bound; what it leaves running is ended and counts as a failure. What one beside others prints comes at its end. */
async function run({ name, args, env, limitMs }: FaultSuite, beside: boolean): Promise<Tally> {
  const runId = randomBytes(6).toString("hex");
  // Short, because sockets live in it, and open to all, because PostgreSQL runs as another user there when we are root.
  const folder = mkdtempSync(join(tmpdir(), "lf-"));
  chmodSync(folder, 0o777);
  const path = join(folder, "tally.json");
  const printed = join(folder, "printed");
  const begunMs = performance.now();
  console.log(`\n== ${name}${beside ? ", beside what follows" : ""}`);
  const output = beside ? openSync(printed, "w") : ("inherit" as const);
  const [command = "", ...rest] = [...(beside ? ["nice", "-n", "19"] : []), process.execPath, ...args];
  const child = spawn(command, rest, {
    cwd: repositoryRoot,
    env: {
      ...process.env,
      ...env,
      TMPDIR: folder,
      [RUN_MARK]: runId,
      NODE_COMPILE_CACHE: join(repositoryRoot, "node_modules", ".cache", "lormas"),
      LORMAS_TALLY: path,
      PATH: `${join(repositoryRoot, "node_modules", ".bin")}${delimiter}${process.env["PATH"] ?? ""}`,
    },
    stdio: ["ignore", output, output],
  });
  running.add(child);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, limitMs);
  const code = await new Promise<number | null>((resolve) => {
    child.on("close", resolve);
    child.on("error", () => resolve(null));
  });
  clearTimeout(limit);
  running.delete(child);
  if (typeof output === "number") {
    closeSync(output);
    console.log(`\n== ${name}, which ran beside\n${readFileSync(printed, "utf8")}`);
  }
  const parts: Tally[] = [];
  // The suite wrote it just before.
  if (existsSync(path)) parts.push(JSON.parse(readFileSync(path, "utf8")) as Tally);
  const tally = sum(parts);
  if (late) parts.push(failure(`${name} took longer than ${limitMs / 60_000} minutes`));
  else if (parts.length === 0) parts.push(failure(`${name} broke down (exit code ${code}), see above`));
  else if (code !== 0 && tally.failed === 0) parts.push(failure(`${name} ended with exit code ${code}`));
  else if (tally.passed + tally.failed === 0) parts.push(failure(`${name} tested nothing`));
  let left = processesOf(runId, folder);
  for (const deadlineMs = performance.now() + LEFTOVER_GRACE_MS; left.length > 0 && performance.now() < deadlineMs; ) {
    await sleep(100);
    left = processesOf(runId, folder);
  }
  killAll(left);
  parts.push(...left.map(({ pid, command }) => failure(`${name} left behind: process ${pid} ${command}`)));
  // What was killed a moment ago may still be about to write.
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  console.log(`${name}: ${closingLine(sum(parts))} in ${Math.round((performance.now() - begunMs) / 1_000)} s`);
  return sum(parts);
}

/** The same; whatever goes wrong with the counting itself is a failure of the suite, and the others run. */
async function counted(suite: FaultSuite, beside: boolean): Promise<Tally> {
  try {
    return await run(suite, beside);
  } catch (error) {
    return failure(`${suite.name} could not be counted: ${String(error)}`);
  }
}

// Whole fleets have a dashboard.
console.log(`dashboard: ${ensureUiBuilt()}`);
const suites = FAULT_SUITES.filter(({ name, onlyNamed }) => (wanted.length === 0 ? !onlyNamed : wanted.includes(name)));
const parts: Tally[] = [];
const alone = suites.every(({ beside }) => beside);
/** The chain of those that run beside the others, one after another. */
let besides = Promise.resolve(EMPTY_TALLY);
for (const suite of suites) {
  if (ended !== undefined) break;
  if (!suite.beside || alone) parts.push(await counted(suite, false));
  else
    besides = besides.then(async (before) =>
      ended === undefined ? sum([before, await counted(suite, true)]) : before,
    );
}
parts.push(await besides);
if (ended !== undefined) parts.push(failure(`ended early: ${ended}`));
const total = sum(parts);
console.log("");
for (const line of skipLines(total)) console.log(line);
for (const line of total.failures) console.log(`FAILED ${line}`);
console.log(closingLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;
