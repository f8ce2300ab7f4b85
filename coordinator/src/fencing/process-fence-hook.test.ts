import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FenceRequest } from "../runtime/fence-hook.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { hookFileProblem } from "./hook-file.ts";
import { HOOK_OUTPUT_MAX, ProcessFenceHook } from "./process-fence-hook.ts";

const REQUEST: FenceRequest = {
  nodeId: "7c1e",
  nodeName: "node-1",
  address: "127.0.1.1",
  clusterName: "local",
  reason: "no heartbeat for 1.8 s; $(touch never) `touch never`",
  silentNodes: 1,
  nodes: 3,
};

let folder: string;
let logged: object[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fence-hook-"));
  logged = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function script(text: string): string {
  const path = join(folder, "fence");
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o700 });
  return path;
}
function hook(path: string, timeoutMs = 10_000): ProcessFenceHook {
  const note = (fields: object): void => void logged.push(fields);
  const env = { PATH: process.env["PATH"], DATABASE_URL: "postgres://secret@h/d" };
  return new ProcessFenceHook({
    path,
    timeoutMs,
    clock: systemClock,
    log: { info: note, warn: note, error: note },
    env,
  });
}
const outcome = (text: string, timeoutMs?: number) => hook(script(text), timeoutMs).call(REQUEST).outcome;
async function until(what: () => boolean): Promise<void> {
  for (let round = 0; round < 500; round++) {
    if (what()) return;
    await new Promise<void>((resolve) => systemClock.schedule(10, resolve));
  }
  expect.fail("it did not come to that within 5 s");
}
const written = (name: string): string => {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch {
    return "";
  }
};
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // Ended, and not yet waited for by whoever has to.
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

test("code 0 means off; every other code, a signal and what cannot be run prove nothing", async () => {
  expect(await outcome("exit 0")).toEqual({ off: true });
  expect(await outcome("exit 1")).toEqual({ off: false, reason: "it ended with code 1" });
  expect(await outcome("exit 255")).toMatchObject({ off: false });
  expect(await outcome("kill -9 $$")).toEqual({ off: false, reason: "it was ended by SIGKILL" });
  const none = join(folder, "none");
  expect(await hook(none).call(REQUEST).outcome).toEqual({ off: false, reason: `${none} does not exist` });
  const noProgram = join(folder, "text");
  writeFileSync(noProgram, "#!/no/such/interpreter\n", { mode: 0o700 });
  expect(await hook(noProgram).call(REQUEST).outcome).toMatchObject({ off: false });
});

test("it is told everything by its environment, gets no secret, and no shell reads what it is told", async () => {
  expect(await outcome(`env | sort > ${folder}/env; echo "$#" > ${folder}/count`)).toEqual({ off: true });
  const env = written("env").split("\n");
  for (const line of [
    "LORMAS_FENCE_NODE_ID=7c1e",
    "LORMAS_FENCE_NODE_NAME=node-1",
    "LORMAS_FENCE_ADDRESS=127.0.1.1",
    "LORMAS_FENCE_CLUSTER=local",
    `LORMAS_FENCE_REASON=${REQUEST.reason}`,
    "LORMAS_FENCE_SECONDS=10",
    "LORMAS_FENCE_SILENT_NODES=1",
    "LORMAS_FENCE_NODES=3",
  ]) {
    expect(env).toContain(line);
  }
  expect(written("env")).not.toContain("secret");
  expect(written("count")).toBe("0\n");
});

test("at its time it is killed with everything that it has started", async () => {
  const result = await outcome(`sleep 600 & echo $! > ${folder}/pid; wait; exit 0`, 500);
  expect(result).toEqual({ off: false, reason: "it did not end within 500 ms and was killed" });
  const pid = Number(written("pid"));
  expect(pid).toBeGreaterThan(0);
  await until(() => !isAlive(pid));
});

test("a call that is ended is killed with everything that it has started, and proves nothing", async () => {
  const call = hook(script(`trap '' TERM; sleep 600 & echo $! > ${folder}/pid; wait; exit 0`)).call(REQUEST);
  await until(() => written("pid").endsWith("\n"));
  call.end();
  expect(await call.outcome).toEqual({ off: false, reason: "the call was ended" });
  await until(() => !isAlive(Number(written("pid"))));
});

test("what it leaves running at its end is killed, and does not hold its outcome up", async () => {
  expect(await outcome(`sleep 600 & echo $! > ${folder}/pid; exit 0`)).toEqual({ off: true });
  await until(() => !isAlive(Number(written("pid"))));
});

test("its outputs are logged up to their bound, and what is beyond does not hold it up", async () => {
  const result = await outcome(`echo out; echo err >&2; head -c 3000000 /dev/zero | tr '\\0' x; exit 3`);
  expect(result).toEqual({ off: false, reason: "it ended with code 3" });
  const { stdout, stderr } = logged[0] as { stdout: string; stderr: string };
  expect(stdout.slice(0, 5)).toBe("out\nx");
  expect(stdout).toHaveLength(HOOK_OUTPUT_MAX);
  expect(stderr).toBe("err\n");
});

test("a file that others may change, that is none or not executable, is refused with the reason", () => {
  const path = script("exit 0");
  expect(hookFileProblem(path)).toBeNull();
  symlinkSync(path, join(folder, "link"));
  expect(hookFileProblem(join(folder, "link"))).toBeNull();
  expect(hookFileProblem("fence")).toBe("is no absolute path");
  expect(hookFileProblem(folder)).toBe("is no regular file");
  expect(hookFileProblem(join(folder, "none"))).toBe("does not exist");
  expect(hookFileProblem(join(path, "below"))).toBe("cannot be looked at (ENOTDIR)");
  for (const [mode, problem] of [
    [0o720, "may be changed by its group or by everybody"],
    [0o702, "may be changed by its group or by everybody"],
    [0o600, "is not executable"],
  ] as const) {
    chmodSync(path, mode);
    expect(hookFileProblem(path)).toBe(problem);
  }
});

test("a file that was made changeable since the start is not run", async () => {
  const path = script(`touch ${folder}/ran`);
  chmodSync(path, 0o722);
  expect(await hook(path).call(REQUEST).outcome).toMatchObject({ off: false });
  chmodSync(path, 0o700);
  expect(await hook(path).call(REQUEST).outcome).toEqual({ off: true });
});
