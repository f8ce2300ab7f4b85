import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "./bootstrap.mjs";

const path = join(repositoryRoot, "docs/man/lormas.1");
const hasGroff = spawnSync("groff", ["--version"]).status === 0;

test("the man page is what the help says", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/write-man-page.ts", "--check"], {
    cwd: repositoryRoot,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});

test("the man page has every command, shared flags once, and the exit codes", () => {
  const page = readFileSync(path, "utf8");
  for (const part of [".SS lormas container create <name>", ".SS lormas whatif [node]", ".SS lormas login"]) {
    expect(page).toContain(part);
  }
  expect(page.match(/^\.B \\-\\-token\\-file/gm)).toHaveLength(1);
  expect(page.match(/^\.B [0-7]$/gm)).toHaveLength(8);
  expect(page).not.toContain("__complete");
});

test.skipIf(!hasGroff)("the man page is roff without a warning", () => {
  const { status, stdout, stderr } = spawnSync("groff", ["-man", "-Tutf8", "-ww", "-z", path], { encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
});
