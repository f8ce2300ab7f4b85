// Builds the dashboard when what it is made from has changed. Plain JavaScript: npm start and npm test both need it
// before any TypeScript can run.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pinnedNode, repositoryRoot } from "./bootstrap.mjs";

/** What the dashboard is made from, relative to the root. */
const inputs = ["ui", "gen/src", "package-lock.json"];
const skipped = new Set(["node_modules", "build", ".svelte-kit", "test-results", "playwright-report"]);

/** True once there is a dashboard to build: a configuration and at least one page. */
export function uiHasSources(root = repositoryRoot) {
  const routes = join(root, "ui", "src", "routes");
  if (!existsSync(join(root, "ui", "vite.config.ts")) || !existsSync(routes)) return false;
  return readdirSync(routes, { recursive: true }).some((path) => String(path).endsWith("+page.svelte"));
}

/** A digest of everything the dashboard is made from; tests do not count. */
export function uiInputsDigest(root = repositoryRoot) {
  const hash = createHash("sha256");
  const visit = (path) => {
    const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (skipped.has(entry.name) || /\.test\.ts$/.test(entry.name)) continue;
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else if (entry.isFile())
        hash
          .update(`${relative(root, child)}\0`)
          .update(readFileSync(child))
          .update("\0");
    }
  };
  for (const input of inputs) {
    const path = join(root, input);
    if (!existsSync(path)) continue;
    if (input.includes(".")) hash.update(readFileSync(path));
    else visit(path);
  }
  return hash.digest("hex");
}

/** The file in ui/build that holds the digest of what it was built from. */
function stampPathOf(root) {
  return join(root, "ui", "build", ".inputs-digest");
}

/** True when there is a dashboard to build and ui/build was not built from what is there now. */
export function uiIsStale(root = repositoryRoot) {
  if (!uiHasSources(root)) return false;
  const stampPath = stampPathOf(root);
  return !existsSync(stampPath) || readFileSync(stampPath, "utf8") !== uiInputsDigest(root);
}

/**
 * Builds ui/build unless it was built from the same inputs. Returns "absent" (there is no dashboard in this tree),
 * "fresh" or "built"; throws with the build's output when it fails.
 */
export function ensureUiBuilt(root = repositoryRoot) {
  if (!uiHasSources(root)) return "absent";
  if (!uiIsStale(root)) return "fresh";
  const digest = uiInputsDigest(root);
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const done = spawnSync(pinnedNode(root), [vite, "build"], {
    cwd: join(root, "ui"),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (done.status !== 0) {
    throw new Error(
      `The dashboard could not be built (vite build in ui/ ended with ${done.status ?? done.signal}):\n` +
        `${done.stdout ?? ""}${done.stderr ?? ""}`,
    );
  }
  writeFileSync(stampPathOf(root), digest);
  return "built";
}
