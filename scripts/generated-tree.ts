import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { repositoryRoot } from "./bootstrap.mjs";

/** How a path under gen/ differs from what the protos say now. */
export type Difference = { readonly path: string; readonly kind: "missing" | "changed" | "left over" };

/** The environment for buf: its plugins and their `node` are those of this repository. */
export const bufEnvironment = {
  ...process.env,
  PATH: `${join(repositoryRoot, "node_modules", ".bin")}${delimiter}${process.env["PATH"] ?? ""}`,
};

/**
 * Generates into a temporary folder and hands the result to `use` as path → content, paths relative to the root
 * ("gen/openapi.yaml"). The folder is gone afterwards. Throws with buf's words when it fails.
 */
export function withGenerated<T>(use: (files: ReadonlyMap<string, string>) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "lormas-gen-"));
  try {
    const done = spawnSync("buf", ["generate", "--output", folder], {
      cwd: repositoryRoot,
      env: bufEnvironment,
      encoding: "utf8",
    });
    if (done.status !== 0) throw new Error(`buf generate failed:\n${done.stderr}${done.stdout}`);
    return use(readTree(folder, "gen"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What must change in gen/ to be what the protos say now; empty when it is fresh. Looks at gen/src and gen/openapi.yaml. */
export function differences(wanted: ReadonlyMap<string, string>): Difference[] {
  const present = readTree(repositoryRoot, "gen/src");
  const openapi = join(repositoryRoot, "gen/openapi.yaml");
  if (existsSync(openapi)) present.set("gen/openapi.yaml", readFileSync(openapi, "utf8"));
  const found: Difference[] = [];
  for (const [path, content] of wanted) {
    const now = present.get(path);
    if (now === undefined) found.push({ path, kind: "missing" });
    else if (now !== content) found.push({ path, kind: "changed" });
  }
  for (const path of present.keys()) if (!wanted.has(path)) found.push({ path, kind: "left over" });
  return found;
}

/** Makes gen/ what the protos say now; files that are already right are not touched. Returns what it changed. */
export function writeGenerated(wanted: ReadonlyMap<string, string>): Difference[] {
  const changes = differences(wanted);
  for (const { path } of changes) {
    const content = wanted.get(path);
    const target = join(repositoryRoot, path);
    if (content === undefined) {
      rmSync(target);
      continue;
    }
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
  return changes;
}

function readTree(base: string, folder: string): Map<string, string> {
  const files = new Map<string, string>();
  if (!existsSync(join(base, folder))) return files;
  for (const entry of readdirSync(join(base, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) for (const [child, content] of readTree(base, path)) files.set(child, content);
    else files.set(path, readFileSync(join(base, path), "utf8"));
  }
  return files;
}
