import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { arch, availableParallelism, freemem, release, totalmem, type } from "node:os";
import { join } from "node:path";

/** Amounts as the wire has them: thousandths of a core, bytes. */
export type NodeResources = { readonly cpuMillis: number; readonly memoryBytes: bigint; readonly diskBytes: bigint };

/** CPU time since boot over all cores, in clock ticks. */
export type CpuTimes = { readonly busy: number; readonly total: number };

/** Reads the first line of /proc/stat; waiting for disks counts as idle. Null for other text. */
export function parseCpuTimes(stat: string): CpuTimes | null {
  const fields = /^cpu\s+([\d ]+)/.exec(stat)?.[1]?.trim().split(" ").map(Number);
  if (!fields || fields.length < 5) return null;
  // Guest time is part of user time already.
  const total = fields.slice(0, 8).reduce((sum, value) => sum + value, 0);
  return { busy: total - (fields[3] ?? 0) - (fields[4] ?? 0), total };
}

/** Bytes of one line of /proc/meminfo; null when it is not there. */
export function parseMemInfo(text: string, name: "MemTotal" | "MemAvailable"): bigint | null {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
  return kib ? BigInt(kib) * 1024n : null;
}

/** The cores that were busy between two samples, in thousandths. */
export function cpuUsedMillis(before: CpuTimes, after: CpuTimes, coresMillis: number): number {
  const total = after.total - before.total;
  if (total <= 0) return 0;
  return Math.round((Math.min(Math.max(0, after.busy - before.busy), total) / total) * coresMillis);
}

/** "cpu.max" or quota and period as thousandths of a core; null without a limit. */
export function cpuLimitMillis(quota: string, period: string): number | null {
  const quotaUs = Number(quota);
  const periodUs = Number(period);
  return quotaUs > 0 && periodUs > 0 ? Math.max(1, Math.floor((quotaUs / periodUs) * 1000)) : null;
}

/** Architecture as the container world writes it. */
export function architecture(): string {
  return { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" }[arch() as string] ?? arch();
}

/** Operating system and kernel, for people; they do not change while a process runs. */
export function platform(): string {
  platformText ??= readPlatform();
  return platformText;
}

let platformText: string | null = null;

function readPlatform(): string {
  const pretty = /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf("/etc/os-release"))?.[1];
  return `${pretty ?? type()}, kernel ${release()}`.slice(0, 256);
}

/**
 * Measures what this node has and uses. `capacity` respects the limits of the control groups that the agent itself is in;
 * `usage` is of everything on the machine, CPU as the mean since the call before.
 */
export class ResourceMeter {
  readonly #dataDir: string;
  #cpu: CpuTimes | null = null;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async measure(): Promise<{ capacity: NodeResources; usage: NodeResources }> {
    const disk = await statfs(this.#dataDir, { bigint: true });
    const memInfo = textOf("/proc/meminfo");
    const totalBytes = parseMemInfo(memInfo, "MemTotal") ?? BigInt(totalmem());
    const availableBytes = parseMemInfo(memInfo, "MemAvailable") ?? BigInt(freemem());
    const coresMillis = availableParallelism() * 1000;
    const limits = ownCgroupLimits();
    const before = this.#cpu;
    this.#cpu = parseCpuTimes(textOf("/proc/stat"));
    return {
      capacity: {
        cpuMillis: Math.min(coresMillis, limits.cpuMillis ?? coresMillis),
        memoryBytes: limits.memoryBytes !== null && limits.memoryBytes < totalBytes ? limits.memoryBytes : totalBytes,
        diskBytes: disk.blocks * disk.bsize,
      },
      usage: {
        cpuMillis: before && this.#cpu ? cpuUsedMillis(before, this.#cpu, coresMillis) : 0,
        memoryBytes: totalBytes > availableBytes ? totalBytes - availableBytes : 0n,
        diskBytes: (disk.blocks - disk.bfree) * disk.bsize,
      },
    };
  }
}

/** The tightest limits on the way from this process's control group to the root, version 1 and 2. */
function ownCgroupLimits(): { cpuMillis: number | null; memoryBytes: bigint | null } {
  let cpuMillis: number | null = null;
  let memoryBytes: bigint | null = null;
  const cpu = (found: number | null) => {
    if (found !== null && (cpuMillis === null || found < cpuMillis)) cpuMillis = found;
  };
  const memory = (text: string) => {
    const found = /^\d+\s*$/.test(text) ? BigInt(text.trim()) : null;
    if (found !== null && (memoryBytes === null || found < memoryBytes)) memoryBytes = found;
  };
  for (const line of textOf("/proc/self/cgroup").split("\n")) {
    const [, controllers, path] = line.split(":");
    if (controllers === undefined || path === undefined) continue;
    for (let folder = path; ; folder = join(folder, "..")) {
      if (controllers === "") {
        const base = join("/sys/fs/cgroup", folder);
        memory(textOf(join(base, "memory.max")));
        cpu(cpuLimitMillis(...cpuMax(textOf(join(base, "cpu.max")))));
      }
      if (controllers.split(",").includes("memory")) {
        memory(textOf(join("/sys/fs/cgroup/memory", folder, "memory.limit_in_bytes")));
      }
      if (controllers.split(",").includes("cpu")) {
        const base = join("/sys/fs/cgroup/cpu", folder);
        cpu(cpuLimitMillis(textOf(join(base, "cpu.cfs_quota_us")), textOf(join(base, "cpu.cfs_period_us"))));
      }
      if (folder === "/" || folder === ".") break;
    }
  }
  return { cpuMillis, memoryBytes };
}

function cpuMax(text: string): [string, string] {
  const [quota, period] = text.trim().split(" ");
  return [quota ?? "", period ?? ""];
}

/** A file's text; empty where there is none, as on systems without /proc. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
