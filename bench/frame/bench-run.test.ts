import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { FULL_SIZES } from "./bench-arguments.ts";
import { BenchRun } from "./bench-run.ts";

test("what was started last is ended first, and one that cannot be ended keeps nothing else", async () => {
  const said: string[] = [];
  const run = new BenchRun(FULL_SIZES, (line) => said.push(line));
  run.defer(() => said.push("first"));
  run.defer(() => Promise.reject(new Error("stuck")));
  run.defer(() => said.push("last"));
  await run.end();
  await run.end();
  expect(said).toEqual(["last", "could not clean up: stuck", "first"]);
});

test("a part ends with its work, also when that fails, and its folder with it", async () => {
  const run = new BenchRun(FULL_SIZES, () => {});
  let folder = "";
  await expect(
    run.part((part) => {
      folder = part.folder();
      expect(existsSync(folder)).toBe(true);
      throw new Error("the measurement failed");
    }),
  ).rejects.toThrow("the measurement failed");
  expect(existsSync(folder)).toBe(false);
  await run.end();
});
