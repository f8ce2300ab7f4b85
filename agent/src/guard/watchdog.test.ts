import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openWatchdog } from "./watchdog.ts";

// No test arms a real device: a plain file stands in for it, and shows what would be written.

test("pets with bytes that are no V, and disarms with one", () => {
  const folder = mkdtempSync(join(tmpdir(), "lormas-watchdog-"));
  try {
    const path = join(folder, "watchdog");
    expect(() => openWatchdog(path)).toThrow("ENOENT");
    writeFileSync(path, "");
    const watchdog = openWatchdog(path);
    watchdog.pet();
    watchdog.pet();
    expect(readFileSync(path, "latin1")).toBe("\0\0");
    watchdog.release();
    expect(readFileSync(path, "latin1")).toBe("\0\0V");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
