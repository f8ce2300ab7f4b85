// npm run check: everything that can be known without running the product. Each check prints one line with its time;
// all run even when one fails, and what failed is shown in full at the end. --json FILE writes the outcomes.
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { repositoryRoot } from "./bootstrap.mjs";
import { breakingBaseline } from "./breaking-baseline.ts";
import { bufEnvironment, differences, withGenerated } from "./generated-tree.ts";
import { uiHasSources } from "./ui-build.mjs";

type Finding = { readonly ok: boolean; readonly output: string; readonly note?: string };
type Check = { readonly name: string; readonly run: () => Promise<Finding> };

/** Runs one command of this repository's node_modules/.bin; its output is kept for the report. */
function command(...args: readonly string[]): Promise<Finding> {
  const [file = "", ...rest] = args;
  return new Promise((resolve) => {
    const child = spawn(file, rest, { cwd: repositoryRoot, env: bufEnvironment, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", (error) => resolve({ ok: false, output: `${file} could not be started: ${error.message}` }));
    child.on("close", (code) => resolve({ ok: code === 0, output }));
  });
}

async function breaking(): Promise<Finding> {
  const baseline = breakingBaseline();
  if ("none" in baseline) return { ok: true, output: "", note: baseline.none };
  const finding = await command("buf", "breaking", "--against", `.git#ref=${baseline.commit}`);
  return { ...finding, note: `against ${baseline.commit.slice(0, 10)}` };
}

async function freshness(): Promise<Finding> {
  const stale = withGenerated(differences);
  const lines = stale.map(({ path, kind }) => `${path}: ${kind}`);
  return { ok: stale.length === 0, output: `${lines.join("\n")}\ngen/ is not what the protos say: npm run gen\n` };
}

const CHECKS: readonly Check[] = [
  { name: "biome", run: () => command("biome", "check", "--max-diagnostics=50", "--error-on-warnings", ".") },
  { name: "arrows and file names", run: () => command("node", "scripts/check-arrows.ts") },
  { name: "types", run: () => command("tsc", "--noEmit", "-p", "tsconfig.json") },
  { name: "proto lint", run: () => command("buf", "lint") },
  { name: "proto format", run: () => command("buf", "format", "--diff", "--exit-code", "proto") },
  { name: "proto breaking changes", run: breaking },
  { name: "gen is fresh", run: freshness },
  ...(existsSync(join(repositoryRoot, "scripts/draw-statecharts.ts"))
    ? [{ name: "drawn statecharts are fresh", run: () => command("node", "scripts/draw-statecharts.ts", "--check") }]
    : []),
  { name: "man page is fresh", run: () => command("node", "scripts/write-man-page.ts", "--check") },
  ...(uiHasSources()
    ? [{ name: "dashboard types", run: () => command("npm", "run", "--silent", "check", "--workspace", "ui") }]
    : []),
];

const outcomes: { name: string; ok: boolean }[] = [];
const failures: string[] = [];
for (const check of CHECKS) {
  const begun = performance.now();
  const finding = await check.run().catch((error: unknown) => ({ ok: false, output: String(error) }) as Finding);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const note = finding.note === undefined ? "" : ` (${finding.note})`;
  console.log(`${finding.ok ? "ok    " : "FAILED"} ${check.name} ${seconds} s${note}`);
  outcomes.push({ name: check.name, ok: finding.ok });
  if (!finding.ok) failures.push(`--- ${check.name}\n${finding.output.trimEnd()}`);
}
const jsonAt = process.argv.indexOf("--json");
const jsonPath = jsonAt < 0 ? undefined : process.argv[jsonAt + 1];
if (jsonPath !== undefined) writeFileSync(jsonPath, JSON.stringify(outcomes));
for (const failure of failures) console.error(failure);
process.exitCode = failures.length === 0 ? 0 : 1;
