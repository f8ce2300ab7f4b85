import { readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { join } from "node:path";
import type { AgentLaunch } from "../guard/agent-keeper.ts";
import { type CgroupLayout, presentCgroups } from "../process/cgroup-layout.ts";
import { readProcess } from "../process/process-table.ts";

/** What of the environment goes to an agent that is started again; no secret is among it. */
const ENV = /^(PATH|HOME|USER|LANG|LC_[A-Z]+|TZ|TMPDIR|NODE_EXTRA_CA_CERTS|NODE_OPTIONS|LORMAS_[A-Z_]+)$/;
const NOT = new Set(["LORMAS_JOIN_TOKEN", "LORMAS_LIFELINE_FD"]);

/** Whether the guard is to start a dead agent again: yes where nobody else does. */
export function guardRestarts(choice: "auto" | "yes" | "no", env: NodeJS.ProcessEnv, pid: number): boolean {
  if (choice !== "auto") return choice === "yes";
  const supervised = Boolean(env["LORMAS_LIFELINE_FD"]);
  // systemd names the process that it started itself; a shell below it only inherits the name of another.
  return !supervised && env["SYSTEMD_EXEC_PID"] !== String(pid);
}

/** How this very process was started. Null where there is no /proc. */
export function presentLaunch(dataDir: string, layout: CgroupLayout | null): AgentLaunch | null {
  const entry = readProcess(process.pid);
  if (!entry) return null;
  const env = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && ENV.test(name) && !NOT.has(name),
  );
  return {
    pid: process.pid,
    startTicks: entry.startTicks,
    argv: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    cwd: process.cwd(),
    env: Object.fromEntries(env) as Record<string, string>,
    logPath: join(dataDir, "agent.log"),
    cgroups: layout ? presentCgroups(layout, readFileSync("/proc/self/cgroup", "utf8")) : [],
    niceness: getPriority(),
    oomScoreAdj: Number(readFileSync("/proc/self/oom_score_adj", "utf8")),
  };
}
