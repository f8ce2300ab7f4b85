import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeDataDir } from "./data-dir-lock.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-agent-lock-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

test("a folder in which an agent works is refused and names it, and is free once that is killed", async () => {
  const lock = JSON.stringify(new URL("./data-dir-lock.ts", import.meta.url).href);
  const script = `(await import(${lock})).takeDataDir(process.argv[1]); console.log("got"); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", script, dataDir]);
  try {
    await once(holder.stdout, "data");
    expect(() => takeDataDir(dataDir)).toThrow(`process ${holder.pid} is an agent that works in ${dataDir}`);
  } finally {
    const gone = once(holder, "exit");
    holder.kill("SIGKILL");
    await gone;
  }
  takeDataDir(dataDir);
  expect(() => takeDataDir(dataDir)).toThrow(`process ${process.pid} is an agent`);
});
