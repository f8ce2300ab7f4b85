import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync } from "node:fs";
import { join } from "node:path";

const DEFAULT_RUN_DIR = "/run/lormas";
/** Longest path that a unix socket can have. */
const SOCKET_PATH_BYTES_MAX = 107;

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
