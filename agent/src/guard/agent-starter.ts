import { spawn } from "node:child_process";
import { closeSync, copyFileSync, openSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import type { Writable } from "node:stream";
import { enterCgroup } from "../process/cgroup-layout.ts";
import { readProcess } from "../process/process-table.ts";
import type { AgentLaunch, KeeperHands } from "./agent-keeper.ts";

/** Above it output is moved aside, to `<name>.1`. */
const LOG_BYTES_MAX = 10 << 20;

/** Waits until what it inherited has been set right, and then becomes the agent; the pid stays. */
const LAUNCHER = 'IFS= read -r go <&3 || exit 125; exec 3<&-; exec "$@"';

/** Starts an agent in a session of its own, outside of the guard's control group, its output appended to its log file. */
export function startAgent(launch: AgentLaunch, log: KeeperHands["log"]): { pid: number; startTicks: string } {
  const out = openSync(launch.logPath, "a", 0o600);
  try {
    const child = spawn("/bin/sh", ["-c", LAUNCHER, "lormas-agent", ...launch.argv], {
      cwd: launch.cwd,
      env: launch.env,
      detached: true,
      stdio: ["ignore", out, out, "pipe"],
    });
    child.on("error", (error) => log("the agent could not be started", { reason: error.message }));
    child.unref();
    const gate = child.stdio[3] as Writable | undefined;
    const entry = child.pid === undefined ? null : readProcess(child.pid);
    if (child.pid === undefined || !entry || !gate) throw new Error(`/bin/sh could not be started in ${launch.cwd}`);
    gate.on("error", () => undefined);
    makeOrdinary(child.pid, launch, log);
    gate.end("go\n");
    return { pid: child.pid, startTicks: entry.startTicks };
  } finally {
    closeSync(out);
  }
}

/** Keeps a log that is appended to within its bound: the newest part in place, the one before beside it. */
export function boundLog(logPath: string): void {
  try {
    if (statSync(logPath).size <= LOG_BYTES_MAX) return;
    copyFileSync(logPath, `${logPath}.1`);
    truncateSync(logPath, 0);
  } catch {
    // Nothing was written there, or its folder is gone.
  }
}

/** Takes back what the guard has as a guard: its control group, its precedence, its protection from the OOM killer. */
function makeOrdinary(pid: number, { cgroups, niceness, oomScoreAdj }: AgentLaunch, log: KeeperHands["log"]): void {
  const steps = [
    () => enterCgroup(cgroups, pid),
    () => setPriority(pid, niceness),
    () => writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScoreAdj)),
  ];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      log("the agent keeps something of the guard's", {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
