import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { readProcess } from "./npm-ancestors.mjs";

/** The environment variable by which everything that a node runs is found again. */
export const hostMarkVariable = "LORMAS_HOST_MARK";

const cgroupRoot = "/sys/fs/cgroup";
const cgroupDepthMax = 4;
const roundsMax = 40;
const roundMs = 25;

/** The processes that carry a host mark, zombies left out. */
export function markedPids(mark: string): number[] {
  const wanted = `${hostMarkVariable}=${mark}`;
  return process.platform === "linux" ? markedInProc(wanted) : markedInPs(wanted);
}

function markedInProc(wanted: string): number[] {
  const found: number[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environ = readText(`/proc/${pid}/environ`);
    if (environ?.split("\0").includes(wanted) && readProcess(pid) !== null) found.push(pid);
  }
  return found;
}

function markedInPs(wanted: string): number[] {
  const output = execFileSync("ps", ["-axEww", "-o", "pid=,command="], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return output
    .split("\n")
    .filter((line) => line.split(" ").includes(wanted))
    .map((line) => Number(line.trim().split(/\s+/)[0]))
    .filter((pid) => pid > 0 && pid !== process.pid);
}

/** The processes in the cgroup below which a node keeps its containers: `lormas/<node id>`, or a slice of that name. */
export function cgroupPids(nodeId: string): number[] {
  if (process.platform !== "linux" || nodeId === "") return [];
  const names = [nodeId, nodeId.replaceAll("-", "_")];
  const isNodes = (name: string) => names.some((wanted) => name === wanted || name === `lormas-${wanted}.slice`);
  const found: number[] = [];
  const walk = (directory: string, inside: boolean, depth: number) => {
    if (inside)
      found.push(...(readText(join(directory, "cgroup.procs")) ?? "").split("\n").map(Number).filter(Boolean));
    if (!inside && depth >= cgroupDepthMax) return;
    for (const name of subdirectories(directory)) walk(join(directory, name), inside || isNodes(name), depth + 1);
  };
  walk(cgroupRoot, false, 0);
  return found.filter((pid) => pid !== process.pid);
}

function subdirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return []; // A cgroup that went away while it was looked at holds nothing.
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined; // The process or cgroup went away, or is another user's.
  }
}

/**
 * SIGKILL for everything that `list` finds, again and again until it finds nothing, so that what was forked meanwhile
 * goes as well. Resolves with how many processes were killed; rejects when some are still there after a second.
 */
export async function killAll(clock: Clock, list: () => number[]): Promise<number> {
  const killed = new Set<number>();
  for (let round = 0; round < roundsMax; round += 1) {
    const pids = list();
    if (pids.length === 0) return killed.size;
    for (const pid of pids) {
      killed.add(pid);
      killPid(pid);
    }
    await clock.sleep(round < 4 ? 2 : roundMs);
  }
  throw new Error(`processes ${list().join(", ")} are still there after SIGKILL`);
}

/** SIGKILL for one process; that it is gone already is fine. */
export function killPid(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
