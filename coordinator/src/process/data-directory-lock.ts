import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processIdentity } from "../store/embedded/process-identity.ts";

/** Another coordinator runs on the data directory. */
export class DataDirectoryBusy extends Error {
  constructor(dataDir: string, pid: number) {
    super(
      `Data directory ${dataDir}: a coordinator runs on it already (pid ${pid}). Stop that one, or choose another directory.`,
    );
    this.name = "DataDirectoryBusy";
  }
}

/**
 * Takes the data directory for this process. That it could be taken proves that the coordinator which held it before is
 * dead, on which leadership relies: a restarted instance takes over from itself without waiting. Returns the way to give
 * it back. Throws DataDirectoryBusy.
 */
export function lockDataDirectory(dataDir: string): () => void {
  const run = join(dataDir, "run");
  mkdirSync(run, { recursive: true, mode: 0o700 });
  const file = join(run, "coordinator.lock");
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${process.pid} ${processIdentity(process.pid) ?? ""}\n`, { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(draft, file); // Fails when it is there: never over another's.
        return () => rmSync(file, { force: true });
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
      }
      const holder = livingHolder(file);
      if (holder !== null) throw new DataDirectoryBusy(dataDir, holder);
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function livingHolder(file: string): number | null {
  try {
    const [pid, identity] = readFileSync(file, "utf8").trim().split(" ");
    return processIdentity(Number(pid)) === identity ? Number(pid) : null;
  } catch {
    return null; // Given back in this moment.
  }
}
