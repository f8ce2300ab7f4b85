import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CgroupLayout,
  controlFolder,
  everyCgroupFolder,
  makeCgroup,
  processesBelow,
  removeCgroup,
  setFrozen,
  writableCgroups,
} from "@lormas/agent/process/cgroup-layout.ts";
import { until } from "../until.ts";

const FREEZE_MS = 10_000;
const GONE_MS = 30_000;
const NO_LIMITS = { cpuMillis: 0, memoryBytes: 0n, pidsMax: 0 };

/** The control groups of one host, or of a whole lab: whatever was started in there is found again by them, whoever started it. */
export class HostCgroups {
  /** Below the mount, such as /lormas-lab-1a2b3c/host-2. */
  readonly path: string;
  readonly #layout: CgroupLayout;

  private constructor(path: string, layout: CgroupLayout) {
    this.path = path;
    this.#layout = layout;
  }

  /** Makes the group when it is not there. Throws where no control groups can be made. */
  static at(path: string): HostCgroups {
    const layout = writableCgroups(path);
    if (!layout) throw new Error(`no control groups can be made below ${path}: run as root on a machine that has them`);
    return new HostCgroups(path, layout);
  }

  /** The folders that a process of the host itself writes its id into, in the file cgroup.procs. */
  own(): string[] {
    // A group of its own: with version 2 none that has groups below it may hold processes.
    return makeCgroup(this.#layout, join(this.path, "own"), NO_LIMITS);
  }

  /** Everything that runs on the host, in the numbers of this machine. */
  processes(): number[] {
    return processesBelow(controlFolder(this.#layout, this.path));
  }

  /** Stops everything at once, containers included, and answers when nothing moves any more. */
  async freeze(): Promise<void> {
    setFrozen(this.#layout, this.path, true);
    await until(`everything below ${this.path} is frozen`, FREEZE_MS, () => this.#isFrozen());
  }

  thaw(): void {
    setFrozen(this.#layout, this.path, false);
  }

  /** SIGKILL for everything, frozen or not, until nothing is left. */
  async killAll(): Promise<void> {
    await until(`nothing runs below ${this.path}`, GONE_MS, () => {
      const left = this.processes();
      for (const pid of left) kill(pid);
      // What is frozen dies as its first act once it is thawed, having been killed before.
      this.thawAll();
      return left.length === 0;
    });
  }

  /** Thaws the host and every group below it, also those that were frozen by somebody else. */
  thawAll(): void {
    thawBelow(this.#layout, this.path);
  }

  /** Removes the groups in every tree; those that still hold a process stay. */
  remove(): void {
    removeCgroup(everyCgroupFolder(this.path));
  }

  #isFrozen(): boolean {
    const folder = controlFolder(this.#layout, this.path);
    const [file, wanted] =
      this.#layout.version === 2 ? ["cgroup.events", /^frozen 1$/m] : ["freezer.state", /^FROZEN$/m];
    return wanted.test(readFileSync(join(folder, file), "utf8"));
  }
}

function thawBelow(layout: CgroupLayout, path: string): void {
  const folder = controlFolder(layout, path);
  if (!existsSync(folder)) return;
  setFrozen(layout, path, false);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) thawBelow(layout, join(path, entry.name));
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

/** The beginning of a shell's script that moves the shell into groups. */
export function entering(folders: readonly string[]): string {
  return folders.map((folder) => `echo 0 > ${folder}/cgroup.procs; `).join("");
}
