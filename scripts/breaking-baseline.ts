import { spawnSync } from "node:child_process";
import { repositoryRoot } from "./bootstrap.mjs";

/** The commit that the protos must stay compatible with, or why there is none. */
export type Baseline = { readonly commit: string } | { readonly none: string };

/**
 * Main's last commit, when this tree is ahead of it (another branch, or changes not committed yet); on main itself the
 * commit before the last one that changed proto/, so that the check still says something after a landing.
 */
export function breakingBaseline(): Baseline {
  const head = commitOf("HEAD");
  if (head === undefined) return { none: "no commit yet" };
  const main = commitOf("refs/remotes/origin/main") ?? commitOf("refs/heads/main") ?? head;
  const candidates = main === head && !protoChangedSince(head) ? [commitOf(`${lastProtoCommit() ?? head}^`)] : [main];
  for (const commit of candidates) if (commit !== undefined && hasProto(commit)) return { commit };
  return { none: "no earlier commit with proto/ in this clone" };
}

const git = (...args: readonly string[]): string | undefined => {
  const done = spawnSync("git", args, { cwd: repositoryRoot, encoding: "utf8" });
  return done.status === 0 ? done.stdout.trim() : undefined;
};
const commitOf = (name: string): string | undefined => git("rev-parse", "--verify", "--quiet", `${name}^{commit}`);
const protoChangedSince = (commit: string): boolean => git("diff", "--quiet", commit, "--", "proto") === undefined;
const lastProtoCommit = (): string | undefined => git("log", "-1", "--format=%H", "--", "proto") || undefined;
const hasProto = (commit: string): boolean => (git("ls-tree", "-d", commit, "proto") ?? "") !== "";
