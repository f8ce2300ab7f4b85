import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { CgroupPaths } from "../process/node-cgroups.ts";

/** What a guard is started with; the agent and later agents of the same data folder arrive at the same. */
export type GuardSettings = {
  /** Folder of record and socket, of this node alone. */
  readonly runDir: string;
  readonly logPath: string;
  /** This node's control groups; null where there are none. */
  readonly cgroups: CgroupPaths | null;
};

const DEFAULT_RUN_DIR = "/run/lormas";
/** Longest path that a unix socket can have. */
const SOCKET_PATH_BYTES_MAX = 107;

export function guardSocketPath(settings: GuardSettings): string {
  return join(settings.runDir, "guard.sock");
}

export function guardFilePath(settings: GuardSettings): string {
  return join(settings.runDir, "guard.json");
}

/**
 * Chooses and makes the folder for a node's guard: below the given one, else below /run/lormas, else in the data folder.
 * Throws when the path is too long for a socket.
 */
export function guardRunDir(dataDir: string, wanted: string | null): string {
  const own = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
  const runDir = wanted !== null ? join(wanted, own) : (usable(join(DEFAULT_RUN_DIR, own)) ?? join(dataDir, "guard"));
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  if (Buffer.byteLength(join(runDir, "guard.sock")) > SOCKET_PATH_BYTES_MAX) {
    throw new Error(`the path ${runDir} is too long for the guard's socket: choose a shorter --run-dir or --data-dir`);
  }
  return runDir;
}

function usable(path: string): string | null {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.W_OK);
    return path;
  } catch {
    return null;
  }
}
