import { readdirSync, readFileSync } from "node:fs";

/** One process as /proc tells it. */
export type ProcessEntry = {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** CPU time used, clock ticks. */
  readonly cpuTicks: number;
  /** Start time, clock ticks since boot. */
  readonly startTicks: string;
  /** Resident pages. */
  readonly residentPages: number;
};

/** Clock ticks a second in /proc; the same on every Linux that Node runs on. */
export const TICKS_PER_SECOND = 100;
export const PAGE_BYTES = 4096;

/** Reads /proc/PID/stat; null when there is no such process. */
export function readProcess(pid: number): ProcessEntry | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    // Gone between two looks: the usual end of a process.
    return null;
  }
}

/** Reads one line of /proc/PID/stat; a name may hold spaces and brackets, so fields count from the last bracket. */
export function parseStat(line: string): ProcessEntry | null {
  const close = line.lastIndexOf(")");
  const pid = Number.parseInt(line, 10);
  const fields = line.slice(close + 2).split(" ");
  const [state, parent, group, session] = fields;
  const startTicks = fields[19];
  if (close < 0 || !state || !startTicks) return null;
  return {
    pid,
    state,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    startTicks,
    residentPages: Number(fields[21]),
  };
}

/** True while this very process runs: a zombie has ended, and another start time is another process. */
export function isRunning(pid: number, startTicks: string): boolean {
  const entry = readProcess(pid);
  return entry !== null && entry.startTicks === startTicks && entry.state !== "Z" && entry.state !== "X";
}

/** Every process but those that have ended. */
export function allProcesses(): ProcessEntry[] {
  const found: ProcessEntry[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const entry = readProcess(Number(name));
    if (entry && entry.state !== "Z" && entry.state !== "X") found.push(entry);
  }
  return found;
}

/**
 * The processes of a session or group that a leader of this pid and start time opened. Its number cannot be given to another
 * process while one of them lives, so a leader with another start time means that all of ours are gone.
 */
export function membersOf(pid: number, startTicks: string, processes = allProcesses()): ProcessEntry[] {
  const leader = processes.find((entry) => entry.pid === pid);
  if (leader && leader.startTicks !== startTicks) return [];
  return processes.filter((entry) => entry.session === pid || entry.group === pid || entry.pid === pid);
}
