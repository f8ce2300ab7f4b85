import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CgroupLayout, controlFolder, processesBelow, setFrozen } from "./cgroup-layout.ts";
import { allProcesses, membersOf, type ProcessEntry } from "./process-table.ts";

/** A process group with its session and cgroups, as it was handed over when it was started. */
export type KillableGroup = { readonly pid: number; readonly startTicks: string; readonly cgroups: readonly string[] };

/** The pids of a group that are still there: by session and process group, and by cgroup where it has one. */
export function livingPids(group: KillableGroup, processes: ProcessEntry[] = allProcesses()): number[] {
  const pids = new Set(membersOf(group.pid, group.startTicks, processes).map((entry) => entry.pid));
  const living = new Set(processes.map((entry) => entry.pid));
  for (const folder of group.cgroups) for (const pid of processesBelow(folder)) if (living.has(pid)) pids.add(pid);
  return [...pids];
}

/** Sends a signal to one process; false when it is not there any more. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** One pass over a group: SIGKILL to all that is left of it. Answers how many were found. */
export function killPass(group: KillableGroup): number {
  const pids = livingPids(group);
  for (const pid of pids) signalProcess(pid, "SIGKILL");
  return pids.length;
}

/**
 * One pass over a parent cgroup: freeze, kill all, and leave it frozen when it was empty, so that what arrives late does
 * not run. Version 1 holds a frozen process back from dying, so it is thawed for the time between two passes.
 * Answers how many processes were found.
 */
export function killCgroupPass(layout: CgroupLayout, path: string): number {
  const folder = controlFolder(layout, path);
  if (!existsSync(folder)) return 0;
  setFrozen(layout, path, true);
  const pids = processesBelow(folder);
  if (layout.version === 2 && existsSync(join(folder, "cgroup.kill"))) writeFileSync(join(folder, "cgroup.kill"), "1");
  for (const pid of pids) signalProcess(pid, "SIGKILL");
  if (layout.version === 1 && pids.length > 0) setFrozen(layout, path, false);
  return pids.length;
}
