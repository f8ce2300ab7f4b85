import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GUARD_ENTRY, guardProgram, installGuardProgram } from "./guard-program.ts";

let runDir: string;
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), "lormas-guard-program-"));
});
afterEach(() => rmSync(runDir, { recursive: true, force: true }));

test("the guard's program is plain JavaScript that imports only itself and Node", () => {
  const files = guardProgram();
  expect([...files.keys()]).toContain(GUARD_ENTRY);
  expect([...files.keys()]).toContain("src/guard-lease.mjs");
  for (const [name, text] of files) {
    expect(text).not.toMatch(/^(import|export) type /m);
    for (const [, specifier = ""] of text.matchAll(/\bfrom "([^"]+)"/g)) {
      if (specifier.startsWith("node:")) expect(builtinModules).toContain(specifier.slice("node:".length));
      else expect([...files.keys()]).toContain(join(dirname(name), specifier));
    }
  }
});

test("is written once, again when a file of it was damaged, and in the place of another version", () => {
  const entry = installGuardProgram(runDir);
  writeFileSync(join(runDir, "guard.json"), "{}");
  const before = readFileSync(entry, "utf8");
  expect(installGuardProgram(runDir)).toBe(entry);
  writeFileSync(entry, "cut sho");
  expect(installGuardProgram(runDir)).toBe(entry);
  expect(readFileSync(entry, "utf8")).toBe(before);

  const old = dirname(dirname(entry)).replace(/[0-9a-f]{16}$/, "0123456789abcdef");
  renameSync(dirname(dirname(entry)), old);
  installGuardProgram(runDir);
  expect(existsSync(old)).toBe(false);
  expect(readdirSync(runDir).sort()).toEqual([entry.split("/").at(-3), "guard.json"]);
});
