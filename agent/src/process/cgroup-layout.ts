import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where this machine's control groups are: version 2 has one tree, version 1 one for each controller. */
export type CgroupLayout =
  | { readonly version: 2; readonly mount: string }
  | { readonly version: 1; readonly mounts: Readonly<Record<V1Controller, string>> };

type V1Controller = "memory" | "cpu" | "pids" | "freezer";
const V1_CONTROLLERS: readonly V1Controller[] = ["memory", "cpu", "pids", "freezer"];

export type CgroupLimits = { readonly cpuMillis: number; readonly memoryBytes: bigint; readonly pidsMax: number };

/** Period of the CPU quota, microseconds. */
const CPU_PERIOD_US = 100_000;

/** Reads a mountinfo file; null when there is no complete version 1 or 2. A version 2 tree without memory does not count. */
export function parseCgroupLayout(mountInfo: string, v2Controllers: (mount: string) => string): CgroupLayout | null {
  const v1: Partial<Record<V1Controller, string>> = {};
  let v2: string | null = null;
  for (const line of mountInfo.split("\n")) {
    const [left, right] = line.split(" - ");
    const mount = left?.split(" ")[4];
    const [type, , options] = right?.split(" ") ?? [];
    if (!mount) continue;
    if (type === "cgroup2" && v2Controllers(mount).split(/\s+/).includes("memory")) v2 ??= mount;
    if (type !== "cgroup") continue;
    for (const controller of V1_CONTROLLERS) if (options?.split(",").includes(controller)) v1[controller] ??= mount;
  }
  if (v2) return { version: 2, mount: v2 };
  const { memory, cpu, pids, freezer } = v1;
  return memory && cpu && pids && freezer ? { version: 1, mounts: { memory, cpu, pids, freezer } } : null;
}

/** The layout of this machine, if groups can be made below `path`; null otherwise, for lack of rights or of cgroups. */
export function writableCgroups(path: string): CgroupLayout | null {
  try {
    const controllers = (mount: string) => readFileSync(join(mount, "cgroup.controllers"), "utf8");
    const layout = parseCgroupLayout(readFileSync("/proc/self/mountinfo", "utf8"), controllers);
    if (layout) makeFolders(layout, path);
    return layout;
  } catch {
    // No rights, no Linux or a read-only tree: the caller then works with process groups alone, and says so in its log.
    return null;
  }
}

/** The folders of one group, one for each tree. */
export function cgroupFolders(layout: CgroupLayout, path: string): string[] {
  if (layout.version === 2) return [join(layout.mount, path)];
  return [...new Set(V1_CONTROLLERS.map((controller) => join(layout.mounts[controller], path)))];
}

/** The folders of one group in every tree of this machine, those included that only a container engine uses. */
export function everyCgroupFolder(path: string): string[] {
  const mounts = readText("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4] ?? "");
  return [...new Set(mounts)].filter(Boolean).map((mount) => join(mount, path));
}

/** The folder whose cgroup.procs and freezer tell of a group. */
export function controlFolder(layout: CgroupLayout, path: string): string {
  return layout.version === 2 ? join(layout.mount, path) : join(layout.mounts.freezer, path);
}

/** The folders of the groups that a process is in, of the trees that are used here; from the text of its /proc/PID/cgroup. */
export function presentCgroups(layout: CgroupLayout, procCgroup: string): string[] {
  const places = procCgroup
    .split("\n")
    .map((line) => /^\d+:([^:]*):(.+)$/.exec(line))
    .filter((match) => match !== null);
  if (layout.version === 2) {
    return places.filter(([, names]) => names === "").map(([, , path = "/"]) => join(layout.mount, path));
  }
  const folders = V1_CONTROLLERS.flatMap((controller) => {
    const place = places.find(([, names = ""]) => names.split(",").includes(controller));
    return place ? [join(layout.mounts[controller], place[2] ?? "/")] : [];
  });
  return [...new Set(folders)];
}

/** Makes a group and sets its limits; 0 leaves a limit out. Answers its folders. */
export function makeCgroup(layout: CgroupLayout, path: string, limits: CgroupLimits): string[] {
  makeFolders(layout, path);
  const quotaUs = Math.ceil((limits.cpuMillis * CPU_PERIOD_US) / 1000);
  const memory = limits.memoryBytes > 0n ? String(limits.memoryBytes) : null;
  if (layout.version === 2) {
    const folder = join(layout.mount, path);
    if (memory) writeFileSync(join(folder, "memory.max"), memory);
    if (quotaUs > 0) writeFileSync(join(folder, "cpu.max"), `${quotaUs} ${CPU_PERIOD_US}`);
    if (limits.pidsMax > 0) writeFileSync(join(folder, "pids.max"), String(limits.pidsMax));
  } else {
    if (memory) writeFileSync(join(layout.mounts.memory, path, "memory.limit_in_bytes"), memory);
    if (quotaUs > 0) writeFileSync(join(layout.mounts.cpu, path, "cpu.cfs_quota_us"), String(quotaUs));
    if (limits.pidsMax > 0) writeFileSync(join(layout.mounts.pids, path, "pids.max"), String(limits.pidsMax));
  }
  return cgroupFolders(layout, path);
}

/** Moves a process into a group. */
export function enterCgroup(folders: readonly string[], pid: number): void {
  for (const folder of folders) writeFileSync(join(folder, "cgroup.procs"), String(pid));
}

/** Every process in a group and below it; empty when the group does not exist. */
export function processesBelow(folder: string): number[] {
  const found = readText(join(folder, "cgroup.procs")).split("\n").filter(Boolean).map(Number);
  for (const child of subgroups(folder)) found.push(...processesBelow(child));
  return found;
}

/** Removes a group and what is below it, as far as it is empty; a group that still holds a process stays. */
export function removeCgroup(folders: readonly string[]): void {
  for (const folder of folders) {
    for (const child of subgroups(folder)) removeCgroup([child]);
    try {
      rmdirSync(folder);
    } catch {
      // Not there, or not empty: both are looked at by whoever counts its processes.
    }
  }
}

/** Freezes or thaws a group and all below it; does nothing when the group does not exist. */
export function setFrozen(layout: CgroupLayout, path: string, frozen: boolean): void {
  const folder = controlFolder(layout, path);
  if (!existsSync(folder)) return;
  if (layout.version === 2) writeFileSync(join(folder, "cgroup.freeze"), frozen ? "1" : "0");
  else writeFileSync(join(folder, "freezer.state"), frozen ? "FROZEN" : "THAWED");
}

function makeFolders(layout: CgroupLayout, path: string): void {
  if (layout.version === 1) {
    for (const folder of cgroupFolders(layout, path)) mkdirSync(folder, { recursive: true });
    return;
  }
  let folder = layout.mount;
  for (const part of path.split("/").filter(Boolean)) {
    writeFileSync(join(folder, "cgroup.subtree_control"), "+memory +cpu +pids");
    folder = join(folder, part);
    mkdirSync(folder, { recursive: true });
  }
}

function subgroups(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
