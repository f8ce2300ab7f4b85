import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DataDirectoryBusy, lockDataDirectory } from "./data-directory-lock.ts";

let dataDir: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-lock-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) await killed(child);
  rmSync(dataDir, { recursive: true });
});

/** A process that takes the directory, says "got" or "busy", and stays. */
function taker(): { child: ChildProcess; said: Promise<string> } {
  const script = `
    const { lockDataDirectory } = await import(${JSON.stringify(new URL("./data-directory-lock.ts", import.meta.url).href)});
    process.stdin.once("data", () => {
      try { lockDataDirectory(process.argv[1]); console.log("got"); } catch (error) { console.log(error.name); }
    });
    console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, dataDir]);
  children.push(child);
  const { stdin, stdout } = child;
  const said = (async () => {
    await once(stdout, "data");
    stdin.write("go\n");
    const [word] = await once(stdout, "data");
    return String(word).trim();
  })();
  return { child, said };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

test("of several that start at once after a holder was killed, one alone gets the directory", async () => {
  for (let round = 0; round < 2; round++) {
    const starters = Array.from({ length: 4 }, taker);
    const words = await Promise.all(starters.map(({ said }) => said));
    expect(words.sort()).toEqual(["DataDirectoryBusy", "DataDirectoryBusy", "DataDirectoryBusy", "got"]);
    for (const { child } of starters) await killed(child);
  }
});

test("whoever comes second is told who holds it, and gets it once it is given back", () => {
  const release = lockDataDirectory(dataDir);
  expect(() => lockDataDirectory(dataDir)).toThrow(DataDirectoryBusy);
  expect(() => lockDataDirectory(dataDir)).toThrow(`(pid ${process.pid})`);
  release();
  lockDataDirectory(dataDir)();
});
