import { existsSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../runtime/clock.ts";
import { StoreFailure } from "../store-failure.ts";
import type { StoreLog } from "../store-log.ts";
import { pause } from "./pause.ts";
import { processIdentity, workingDirectory } from "./process-identity.ts";

/** Who started the server that may still stand on the data. */
export type Launcher = { readonly pid: number; readonly identity: string };

const POLL_MS = 25;
/** How long a server may go down by itself, after being told once, and after being told to drop everything. */
const STAGES = [
  { waitMs: 1_500, signal: null },
  { waitMs: 4_000, signal: "SIGINT" },
  { waitMs: 7_000, signal: "SIGQUIT" },
] as const;

/**
 * Ends a server that an earlier launcher left behind on this data, and removes its lock when it is gone; bounded to
 * 12.5 s. Throws StoreFailure `in_use` when that launcher still runs, or the server does not end.
 */
export async function endPreviousServer(
  files: { readonly data: string; readonly launcher: string },
  context: { readonly clock: Clock; readonly log: StoreLog },
): Promise<void> {
  const lock = join(files.data, "postmaster.pid");
  const launcher = readLauncher(files.launcher);
  if (launcher !== null && launcher.pid !== process.pid && processIdentity(launcher.pid) === launcher.identity) {
    const message = `Embedded PostgreSQL: ${files.data} is in use by another coordinator (process ${launcher.pid}); stop that one, or start this one with another data directory.`;
    throw new StoreFailure("in_use", message);
  }
  const pid = serverOn(files.data, lock);
  if (pid === null) {
    // The name of a process that is gone, or of a stranger that got its number: the server would refuse to start.
    rmSync(lock, { force: true });
    return;
  }
  for (const { waitMs, signal } of STAGES) {
    if (signal !== null) {
      context.log.warn({ pid, signal }, "ending an embedded PostgreSQL that an earlier run left behind");
      if (!send(pid, signal)) return;
    }
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += POLL_MS) {
      if (serverOn(files.data, lock) !== pid) return;
      await pause(context.clock, POLL_MS);
    }
  }
  const message = `Embedded PostgreSQL: process ${pid} holds ${files.data} and does not end; end it (kill -QUIT ${pid}) and start again.`;
  throw new StoreFailure("in_use", message);
}

/** The id of the server that runs on this data, null when none does. */
function serverOn(data: string, lock: string): number | null {
  if (!existsSync(lock)) return null;
  const pid = Number.parseInt(readFileSync(lock, "utf8").split("\n")[0] ?? "", 10);
  if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid || processIdentity(pid) === null) return null;
  if (process.platform !== "linux") return pid;
  // It would run under our own account or, for root, any: one whose directory cannot be seen is not ours.
  return workingDirectory(pid) === realpathSync(data) ? pid : null;
}

function readLauncher(file: string): Launcher | null {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Launcher;
  } catch {
    // Torn by a crash while it was written: the launcher did not live to use it.
    return null;
  }
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
