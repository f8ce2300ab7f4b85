import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FolderFiles } from "./folder-files.ts";

let base: string;
let root: string;
let files: FolderFiles;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "lormas-folder-"));
  root = join(base, "volume");
  mkdirSync(root);
  writeFileSync(join(base, "outside"), "outside");
  files = new FolderFiles(root, "web");
});
afterEach(() => rmSync(base, { recursive: true }));

const refusal = { code: "config_failed", message: expect.stringContaining("symbolic link") };

test("a file is written whole, with its folders, and keeps its mode", async () => {
  expect(await files.read(["a", "b"], 10)).toBeNull();
  await files.write(["a", "b"], Buffer.from("one"));
  expect(statSync(join(root, "a/b")).mode & 0o777).toBe(0o644);
  chmodSync(join(root, "a/b"), 0o600);
  await files.write(["a", "b"], Buffer.from("two"));
  expect(statSync(join(root, "a/b")).mode & 0o777).toBe(0o600);
  expect(Buffer.from((await files.read(["a", "b"], 3)) ?? []).toString()).toBe("two");
});

test("a file above the bound is not read", async () => {
  writeFileSync(join(root, "a"), "1234");
  await expect(files.read(["a"], 3)).rejects.toMatchObject({ code: "config_failed" });
});

test("a symbolic link in the place of the file is neither read nor written", async () => {
  symlinkSync(join(base, "outside"), join(root, "link"));
  await expect(files.read(["link"], 100)).rejects.toMatchObject(refusal);
  await expect(files.write(["link"], Buffer.from("x"))).rejects.toMatchObject(refusal);
  expect(readFileSync(join(base, "outside"), "utf8")).toBe("outside");
});

test("a symbolic link to nowhere makes no file there", async () => {
  symlinkSync(join(base, "new"), join(root, "link"));
  await expect(files.write(["link"], Buffer.from("x"))).rejects.toMatchObject(refusal);
  expect(existsSync(join(base, "new"))).toBe(false);
});

test("a symbolic link on the way is not followed", async () => {
  symlinkSync(base, join(root, "way"));
  await expect(files.read(["way", "outside"], 100)).rejects.toMatchObject(refusal);
  await expect(files.write(["way", "new"], Buffer.from("x"))).rejects.toMatchObject(refusal);
  expect(existsSync(join(base, "new"))).toBe(false);
});

test("a link that waits under the name of the fresh file is not written through", async () => {
  symlinkSync(join(base, "outside"), join(root, ".lormas-config"));
  await files.write(["a"], Buffer.from("x"));
  expect(readFileSync(join(base, "outside"), "utf8")).toBe("outside");
  expect(readFileSync(join(root, "a"), "utf8")).toBe("x");
});

test("a folder in the place of a file is refused", async () => {
  mkdirSync(join(root, "a"));
  await expect(files.read(["a"], 100)).rejects.toThrow("is no file");
});
