import type { ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 5;

/** Asks until the probe gives something other than undefined or false, at most for `boundMs`; then fails with `what`. */
export async function until<T>(
  what: string,
  boundMs: number,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  pollMs = POLL_MS,
): Promise<T> {
  for (const endMs = performance.now() + boundMs; ; ) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= endMs) throw new Error(`within ${boundMs} ms it did not happen: ${what}`);
    await pause(pollMs);
  }
}

/** Sends a signal and resolves once the process has ended. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  await gone;
}
