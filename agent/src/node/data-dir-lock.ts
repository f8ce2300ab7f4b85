import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, readProcess } from "../process/process-table.ts";

/**
 * Makes sure that one agent alone works in a data folder: throws when another living one does. A dead agent's mark is taken
 * over; the mark stays when this process ends.
 */
export function takeDataDir(dataDir: string): void {
  const path = join(dataDir, "agent.pid");
  const [pid, startTicks] = readMark(path);
  if (pid > 0 && pid !== process.pid && isRunning(pid, startTicks)) {
    throw new Error(`process ${pid} is an agent that works in ${dataDir}: stop it, or choose another --data-dir`);
  }
  writeFileSync(path, `${process.pid} ${readProcess(process.pid)?.startTicks ?? ""}\n`, { mode: 0o600 });
}

function readMark(path: string): [number, string] {
  try {
    const [pid, startTicks] = readFileSync(path, "utf8").trim().split(" ");
    return [Number(pid), startTicks ?? ""];
  } catch {
    return [0, ""];
  }
}
