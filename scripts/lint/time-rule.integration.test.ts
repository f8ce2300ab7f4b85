import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repositoryRoot } from "../bootstrap.mjs";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lormas-lint-"));
  cpSync(join(repositoryRoot, "biome.json"), join(folder, "biome.json"));
  cpSync(join(repositoryRoot, "scripts/lint"), join(folder, "scripts/lint"), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The lines of a source that biome refuses when the source has the given name. */
function refusedLines(path: string, source: string): number[] {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), source);
  const biome = join(repositoryRoot, "node_modules", ".bin", "biome");
  const done = spawnSync(biome, ["lint", "--reporter=github", "--max-diagnostics=100", path], {
    cwd: folder,
    encoding: "utf8",
  });
  const lines = done.stdout.matchAll(/^::error .*\bline=(\d+)/gm);
  const refused = [...new Set([...lines].map((match) => Number(match[1])))].sort((a, b) => a - b);
  // Biome ends with 1 also when it looked at no file.
  expect(done.status, done.stderr).toBe(refused.length === 0 ? 0 : 1);
  return refused;
}

const FORBIDDEN = [
  "export const a = Date.now();",
  "export const b = new Date();",
  "export const c = Math.random();",
  "export const d = crypto.randomUUID();",
  "export const e = performance.now();",
  "export const f = setTimeout(() => undefined, 1);",
  "export const g = { every: setInterval };",
  "export const h = globalThis.setTimeout(() => undefined, 1);",
  'import { randomUUID } from "node:crypto"; export const i = randomUUID();',
  'import { setTimeout as sleep } from "node:timers/promises"; export const j = sleep;',
];
const ALLOWED = [
  "export const a = (ms: number): Date => new Date(ms);",
  "export const b = (clock: { setTimeout(ms: number): void }): void => clock.setTimeout(5);",
  "export const c = (clock: { now(): number }): number => clock.now();",
  'export { createHash } from "node:crypto";',
];

describe("time and chance are arguments", () => {
  test.each([
    "agent/src/journal/journal.ts",
    "coordinator/src/domain/node/node-machine.ts",
    "ui/src/lib/live/watch.ts",
  ])("every way to take them from the machine is refused in %s", (path) => {
    expect(refusedLines(path, `${FORBIDDEN.join("\n")}\n`)).toEqual(FORBIDDEN.map((_, index) => index + 1));
    expect(refusedLines(path, `${ALLOWED.join("\n")}\n`)).toEqual([]);
  });

  test.each(["agent/src/boot-clock.ts", "coordinator/src/main.ts", "agent/src/journal/journal.test.ts"])(
    "but not in %s",
    (path) => {
      expect(refusedLines(path, `${FORBIDDEN.join("\n")}\n`)).toEqual([]);
    },
  );
});
