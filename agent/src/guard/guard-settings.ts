import { join } from "node:path";
import type { CgroupPaths } from "../process/node-cgroups.ts";

/** What a guard is started with; the agent and later agents of the same data folder arrive at the same. */
export type GuardSettings = {
  /** Folder of record and socket, of this node alone. */
  readonly runDir: string;
  readonly logPath: string;
  /** This node's control groups; null where there are none. */
  readonly cgroups: CgroupPaths | null;
  /** A watchdog device that resets the host when the guard cannot enforce any more; null: none. */
  readonly watchdog: string | null;
};

export function guardSocketPath(settings: GuardSettings): string {
  return join(settings.runDir, "guard.sock");
}

export function guardFilePath(settings: GuardSettings): string {
  return join(settings.runDir, "guard.json");
}
