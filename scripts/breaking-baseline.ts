import { spawnSync } from "node:child_process";
import { repositoryRoot } from "./bootstrap.mjs";

/** The commit that the protos must stay compatible with, or why there is none. */
export type Baseline = { readonly commit: string } | { readonly none: string };

/**
 * Main's last commit, when this tree is ahead of it (another branch, or changes not committed yet); on main itself the
 * commit before the last one that changed proto/, so that the check still says something after a landing.
 */
export function breakingBaseline(root: string = repositoryRoot): Baseline {
  const git = (...args: readonly string[]): string | undefined => {
    const done = spawnSync("git", args, { cwd: root, encoding: "utf8" });
    return done.status === 0 ? done.stdout.trim() : undefined;
  };
  const commitOf = (name: string) => git("rev-parse", "--verify", "--quiet", `${name}^{commit}`);
  const head = commitOf("HEAD");
  if (head === undefined) return { none: "no commit yet" };
  const main = commitOf("refs/remotes/origin/main") ?? commitOf("refs/heads/main") ?? head;
  const isAhead = main !== head || git("diff", "--quiet", head, "--", "proto") === undefined;
  const lastChange = git("log", "-1", "--format=%H", "--", "proto") || head;
  const commit = isAhead ? main : commitOf(`${lastChange}^`);
  if (commit === undefined || !git("ls-tree", "-d", commit, "proto")) {
    return { none: "no earlier commit with proto/ in this clone" };
  }
  return { commit };
}
