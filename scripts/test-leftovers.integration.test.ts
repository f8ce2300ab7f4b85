import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { killAll, processesOf, RUN_MARK } from "./test-leftovers.ts";

test("a process that a run left behind is found by its mark or by where it lives, and is ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lormas-left-"));
  const idle = ["-e", "process.stdin.resume(); console.log(1)"];
  const marked = spawn(process.execPath, idle, { env: { ...process.env, [RUN_MARK]: "some-run" } });
  const inside = spawn(process.execPath, idle, { cwd: folder, env: {} });
  const other = spawn(process.execPath, idle);
  try {
    await Promise.all([marked, inside, other].map((child) => once(child.stdout, "data")));
    const found = processesOf("some-run", folder);
    expect(found.map(({ pid }) => pid).sort()).toEqual([marked.pid, inside.pid].sort());
    expect(found[0]?.command).toContain("process.stdin.resume()");
    const gone = Promise.all([once(marked, "exit"), once(inside, "exit")]);
    killAll(found);
    await gone;
    expect(processesOf("some-run", folder)).toEqual([]);
  } finally {
    for (const child of [marked, inside, other]) child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});
