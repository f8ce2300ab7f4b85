// How much memory a guard takes: started as the agent starts it, and for comparison from its TypeScript sources without flags.
// Each holds 200 containers and takes 3,000 renewals (half an hour of the default profile) before it is measured. RSS counts
// shared pages whole, PSS by share; private is what one more guard costs. Linux only. Run: node bench/guard-memory.ts
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bootClock } from "@lormas/agent/clock/clock.ts";
import { guardSocketPath } from "@lormas/agent/guard/guard-settings.ts";
import { GUARD_FLAGS, installGuardProgram } from "@lormas/agent/guard-client/guard-program.ts";

const CONTAINERS = 200;
const RENEWALS = 3_000;
const clock = bootClock();

async function dial(path: string): Promise<Socket> {
  for (const endMs = clock.nowMs() + 10_000; ; ) {
    const socket = connect(path);
    const connected = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (connected) return socket;
    if (clock.nowMs() > endMs) throw new Error("the guard did not listen within 10 s: look at its output above");
    await pause(20);
  }
}

/** Megabytes as /proc/PID/smaps_rollup tells them. */
function memoryOf(pid: number): Record<string, string> {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kb = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(rollup)?.[1] ?? 0);
  const mb = (value: number) => (value / 1024).toFixed(1);
  return {
    "RSS MB": mb(kb("Rss")),
    "PSS MB": mb(kb("Pss")),
    "private MB": mb(kb("Private_Clean") + kb("Private_Dirty")),
    threads: String(readdirSync(`/proc/${pid}/task`).length),
  };
}

async function measure(program: (runDir: string) => string[]): Promise<Record<string, string>> {
  const runDir = mkdtempSync(join(tmpdir(), "lormas-bench-"));
  const settings = { runDir, logPath: join(runDir, "log"), cgroups: null, watchdog: null };
  const guard = spawn(process.execPath, [...program(runDir), JSON.stringify(settings)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    const socket = await dial(guardSocketPath(settings));
    const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
    let id = 0;
    const ask = async (question: object) => {
      id += 1;
      socket.write(`${JSON.stringify({ ...question, id })}\n`);
      const { value } = await answers.next();
      if (JSON.parse(String(value)).type !== "ok") throw new Error(`the guard answered ${value}`);
    };
    await ask({ type: "hello" });
    for (let n = 0; n < CONTAINERS; n += 1) {
      const cgroups = ["memory", "cpu", "pids", "freezer"].map((tree) => `/sys/fs/cgroup/${tree}/lormas/bench/${n}`);
      const gate = { path: "/gate", containerId: `container-${n}`, epoch: "1", session: "1" };
      const group = { containerId: `container-${n}`, ha: false, pid: 1 << 22, startTicks: "1", cgroups, gate };
      await ask({ type: "register", group, adopt: false });
    }
    for (let n = 0; n < RENEWALS; n += 1) {
      const deadlineMs = clock.nowMs() + 60_000;
      await ask({ type: "renew", grant: { deadlineMs, softEndMs: deadlineMs - 30_000, killMs: 1_000, fenced: true } });
    }
    await pause(1_000);
    return memoryOf(guard.pid ?? 0);
  } finally {
    guard.kill("SIGKILL");
    rmSync(runDir, { recursive: true, force: true });
  }
}

const sources = fileURLToPath(new URL("../agent/src/guard/main.ts", import.meta.url));
console.table({
  "from TypeScript, no flags": await measure(() => [sources]),
  "as the agent starts it": await measure((runDir) => [...GUARD_FLAGS, installGuardProgram(runDir)]),
});
