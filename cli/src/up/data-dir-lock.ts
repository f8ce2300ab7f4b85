import { DatabaseSync } from "node:sqlite";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { type DataDir, readJsonFile } from "./data-dir.ts";

const sqliteBusy = 5;

/**
 * Holds a data dir for one supervisor. The lock is the kernel's (SQLite's exclusive file lock, the one portable way
 * to it that Node ships), so it ends with the process, however that ends, and there is nothing stale to clear away.
 */
export class DataDirLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Takes the lock; a CliFailure that names the holder's pid when another process has it. */
  static take(dataDir: DataDir): DataDirLock {
    const database = new DatabaseSync(dataDir.lock);
    try {
      database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    } catch (error) {
      database.close();
      if (!(error instanceof Error && "errcode" in error && error.errcode === sqliteBusy)) throw error;
      const holder = holderPid(dataDir);
      const who = holder === undefined ? "another lormas up" : `another lormas up (pid ${holder})`;
      throw new CliFailure(
        exitCode.conflict,
        `the data dir ${dataDir.path} is in use by ${who}`,
        holder === undefined
          ? "end that one first, or choose another with --data-dir"
          : `end that one first (kill ${holder}), or choose another with --data-dir`,
        error,
      );
    }
    return new DataDirLock(database);
  }

  release(): void {
    this.#database.close();
  }
}

function holderPid(dataDir: DataDir): number | undefined {
  const record = readJsonFile(dataDir.supervisorRecord);
  if (typeof record !== "object" || record === null || !("pid" in record)) return undefined;
  return typeof record.pid === "number" ? record.pid : undefined;
}
