import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Another coordinator runs on the data directory. */
export class DataDirectoryBusy extends Error {
  constructor(dataDir: string, holder: string) {
    super(
      `Data directory ${dataDir}: a coordinator runs on it already${holder}. Stop that one, or choose another directory.`,
    );
    this.name = "DataDirectoryBusy";
  }
}

const SQLITE_BUSY = 5;
/** A lock that nobody refers to would be given back by the garbage collector. */
const held = new Set<DatabaseSync>();

/** The file that is locked. */
export const lockFile = (dataDir: string): string => join(dataDir, "run", "coordinator-lock.sqlite");

/**
 * Takes the data directory for this process. That it could be taken proves that the coordinator which held it before is
 * dead, on which leadership relies: a restarted instance takes over from itself without waiting. The lock is the kernel's
 * (SQLite's exclusive lock of a file, the one portable way to it that Node ships): it ends with the process, so that
 * nothing stale is ever cleared away, and it holds between containers that cannot see each other's processes. Returns the
 * way to give it back. Throws DataDirectoryBusy.
 */
export function lockDataDirectory(dataDir: string): () => void {
  const run = join(dataDir, "run");
  mkdirSync(run, { recursive: true, mode: 0o700 });
  const pidFile = join(run, "coordinator.pid");
  const lock = new DatabaseSync(lockFile(dataDir));
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!(error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY)) throw error;
    throw new DataDirectoryBusy(dataDir, holderOf(pidFile));
  }
  held.add(lock);
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  return () => {
    if (!held.has(lock)) return;
    rmSync(pidFile, { force: true });
    lock.close();
    held.delete(lock);
  };
}

/** For people only: who holds it is what the kernel says. */
function holderOf(pidFile: string): string {
  try {
    return ` (pid ${readFileSync(pidFile, "utf8").trim()})`;
  } catch {
    return "";
  }
}
