import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CgroupLayout, controlFolder, enterCgroup, processesBelow, setFrozen } from "./cgroup-layout.ts";
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
export function killPass(group: KillableGroup, processes?: ProcessEntry[]): number {
  const pids = livingPids(group, processes);
  for (const pid of pids) signalProcess(pid, "SIGKILL");
  return pids.length;
}

/**
 * One pass over many groups with one look at the machine's processes, so that hundreds take no longer than a few. One group
 * that fails does not keep the others alive: `failed` hears of it, and it counts as one process that is left.
 */
export function killPasses<Group extends KillableGroup>(
  groups: readonly Group[],
  failed: (group: Group, error: unknown) => void,
): number {
  if (groups.length === 0) return 0;
  const processes = allProcesses();
  let found = 0;
  for (const group of groups) {
    try {
      found += killPass(group, processes);
    } catch (error) {
      failed(group, error);
      found += 1;
    }
  }
  return found;
}

/**
 * One pass over a parent cgroup, which is frozen before the first signal and stays frozen: what arrives in it late does not
 * run one instruction, and is killed by the next pass. Version 2 lets a frozen process die. Version 1 holds it back until it
 * is thawed, so each is moved, its SIGKILL pending, to `grave`, a group beside it that is never frozen: the first thing it
 * does there is to die, and the parent was never thawed for it. Answers how many processes were found, the dying included.
 */
export function killCgroupPass(layout: CgroupLayout, path: string, grave: string): number {
  const folder = controlFolder(layout, path);
  if (!existsSync(folder)) return 0;
  setFrozen(layout, path, true);
  if (layout.version === 2) {
    const pids = processesBelow(folder);
    // Kernels before 5.14 have no cgroup.kill.
    if (existsSync(join(folder, "cgroup.kill"))) writeFileSync(join(folder, "cgroup.kill"), "1");
    for (const pid of pids) signalProcess(pid, "SIGKILL");
    return pids.length;
  }
  const graveFolder = controlFolder(layout, grave);
  const pids = [...processesBelow(folder), ...processesBelow(graveFolder)];
  if (pids.length > 0) mkdirSync(graveFolder, { recursive: true });
  const failures = pids.map((pid) => (signalProcess(pid, "SIGKILL") ? bury(graveFolder, pid) : null));
  const failure = failures.find((error) => error !== null);
  if (failure) throw failure;
  return pids.length;
}

/** Moves a killed process to where it can die. Null when it went there, or was gone by itself. */
function bury(graveFolder: string, pid: number): unknown {
  try {
    enterCgroup([graveFolder], pid);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH" ? null : error;
  }
}
