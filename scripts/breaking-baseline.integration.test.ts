import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { breakingBaseline } from "./breaking-baseline.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lormas-baseline-"));
  git("init", "--quiet", "--initial-branch=main");
});
afterEach(() => rmSync(root, { recursive: true }));

function git(...args: readonly string[]): string {
  const identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
  const done = spawnSync("git", [...identity, ...args], { cwd: root, encoding: "utf8" });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout.trim();
}
function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
function commit(path: string, text: string): string {
  write(path, text);
  git("add", path);
  git("commit", "--quiet", "--message", path);
  return git("rev-parse", "HEAD");
}

test("there is none before the first commit, nor when the protos came with the only one", () => {
  expect(breakingBaseline(root)).toEqual({ none: "no commit yet" });
  commit("proto/a.proto", "1");
  expect(breakingBaseline(root)).toEqual({ none: "no earlier commit with proto/ in this clone" });
});

test("changes that are not committed are held against main's last commit", () => {
  const first = commit("proto/a.proto", "1");
  write("proto/a.proto", "2");
  expect(breakingBaseline(root)).toEqual({ commit: first });
});

test("what has landed is held against the commit before it, also when other commits follow", () => {
  const first = commit("proto/a.proto", "1");
  commit("proto/a.proto", "2");
  commit("README.md", "x");
  expect(breakingBaseline(root)).toEqual({ commit: first });
});

test("another branch is held against main", () => {
  const first = commit("proto/a.proto", "1");
  git("checkout", "--quiet", "-b", "work");
  commit("proto/a.proto", "2");
  commit("proto/a.proto", "3");
  expect(breakingBaseline(root)).toEqual({ commit: first });
});
