import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "./bootstrap.mjs";

const folder = join(repositoryRoot, "docs/checklists");

test.each(readdirSync(folder))("every place that docs/checklists/%s names is there", (name) => {
  const text = readFileSync(join(folder, name), "utf8");
  const paths = [...text.matchAll(/\b(?:proto|gen|coordinator|agent|cli|ui|e2e|docs|scripts|lease)\/[\w./-]*\w/g)];
  expect(paths.length).toBeGreaterThan(3);
  const missing = paths.map(([path]) => path).filter((path) => !existsSync(join(repositoryRoot, path)));
  expect(missing).toEqual([]);
});
