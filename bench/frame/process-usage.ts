import { readdirSync, readFileSync } from "node:fs";

/** What the kernel says that a process holds, in MB of 2^20 bytes. Linux only. */
export type Memory = {
  readonly rssMb: number;
  /** Pages that several share, by share. */
  readonly pssMb: number;
  readonly privateMb: number;
  readonly threads: number;
};

/** USER_HZ, in which Linux tells the time a process has used: 100 on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

export function memoryOf(pid: number): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const mb = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(rollup)?.[1] ?? 0) / 1_024;
  return {
    rssMb: mb("Rss"),
    pssMb: mb("Pss"),
    privateMb: mb("Private_Clean") + mb("Private_Dirty"),
    threads: readdirSync(`/proc/${pid}/task`).length,
  };
}

/** Resident memory alone, cheap enough to be asked while something is measured. */
export function rssMbOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024;
}

/** Seconds of a core that the process has used so far, in user and system mode. */
export function cpuSecondsOf(pid: number): number {
  return ticksOf(readFileSync(`/proc/${pid}/stat`, "utf8")) / TICKS_PER_SECOND;
}

/** utime and stime of a line of /proc/PID/stat; the name before them may hold spaces and brackets. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
