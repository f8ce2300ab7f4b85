import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const SQLITE_BUSY = 5;
/** A lock that nobody refers to would be given back by the garbage collector. */
const held: DatabaseSync[] = [];

/**
 * Makes sure that one agent alone works in a data folder: throws when another living one does. The lock is the kernel's
 * (SQLite's exclusive lock of a file, the one portable way to it that Node ships): it ends with this process, so that there
 * is nothing stale to clear away, and it holds between containers that cannot see each other's processes.
 */
export function takeDataDir(dataDir: string): void {
  const pidFile = join(dataDir, "agent.pid");
  const lock = new DatabaseSync(join(dataDir, "agent-lock.sqlite"));
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!(error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY)) throw error;
    throw new Error(`${holderOf(pidFile)} is an agent that works in ${dataDir}: stop it, or choose another --data-dir`);
  }
  held.push(lock);
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
}

/** For people only: who holds it is what the kernel says. */
function holderOf(pidFile: string): string {
  try {
    return `process ${readFileSync(pidFile, "utf8").trim()}`;
  } catch {
    return "another process";
  }
}
