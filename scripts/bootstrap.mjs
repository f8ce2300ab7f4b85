// What must work before anything is installed: plain JavaScript that the system's Node (20 or newer) runs as it is.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder, absolute. */
export const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** The pinned Node of this repository; it exists once the dependencies are installed. */
export function pinnedNode(root = repositoryRoot) {
  return join(root, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");
}

/**
 * Why node_modules is not what package-lock.json says, or undefined when it is. Compares contents, not dates, so a fresh
 * checkout of the same lock file installs nothing. Packages for other platforms may be absent.
 */
export function staleDependencies(root = repositoryRoot) {
  const installedPath = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedPath)) return "nothing is installed yet";
  if (!existsSync(pinnedNode(root))) return "the pinned Node is not installed";
  const locked = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(installedPath, "utf8")).packages;
  for (const [path, entry] of Object.entries(locked)) {
    if (!path.includes("node_modules/")) continue;
    const present = installed[path];
    if (present === undefined) {
      if (entry.optional || entry.devOptional || entry.peer) continue;
      return `${path} is not installed`;
    }
    if (entry.version !== present.version) return `${path} is ${present.version}, the lock file says ${entry.version}`;
  }
  return undefined;
}

/**
 * Installs what the lock file says when it is not there yet (`npm ci`, output shown). Returns normally when node_modules
 * is complete; otherwise prints what to do and exits with npm's code.
 */
export function ensureDependencies(root = repositoryRoot) {
  const reason = staleDependencies(root);
  if (reason === undefined) return;
  console.log(`Installing dependencies (${reason}) …`);
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const done = spawnSync(npm, ["ci", "--no-audit", "--no-fund"], { cwd: root, stdio: "inherit" });
  if (done.error !== undefined) {
    console.error(`npm could not be started: ${done.error.message}. Install Node.js 20 or newer with npm.`);
    process.exit(1);
  }
  if (done.status !== 0) {
    console.error("npm ci failed (see above). Check the network or the registry configured for npm, then try again.");
    process.exit(done.status ?? 1);
  }
}
