import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { readProcess } from "../../process/process-table.ts";
import { RuntimeFault } from "../container-runtime.ts";

/** A process that stands ready: it has its pid, session and output files, and runs nothing before `release`. */
export type LaunchedProcess = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly startTicks: string;
  /** Lets the command run. */
  release(): void;
};

/**
 * Waits for one line on descriptor 3 and then becomes the command. End of file there (the agent died) ends it, so a process
 * that was never handed to the guard never runs a workload.
 */
const GATE = 'IFS= read -r go <&3 && [ "$go" = go ] || exit 125; exec 3<&-; exec /bin/sh -c "$1"';

export const LOG_FILES = { stdout: "stdout.log", stderr: "stderr.log" } as const;

/**
 * Starts a shell in a session of its own that waits at the gate. Its output goes straight to files, so nothing breaks when
 * the agent dies.
 */
export function launchAtGate(options: {
  readonly folder: string;
  readonly workFolder: string;
  readonly commandLine: string;
  readonly env: Record<string, string>;
}): LaunchedProcess {
  const stdout = openSync(join(options.folder, LOG_FILES.stdout), "a", 0o600);
  const stderr = openSync(join(options.folder, LOG_FILES.stderr), "a", 0o600);
  let child: ChildProcess;
  try {
    child = spawn("/bin/sh", ["-c", GATE, "lormas-container", options.commandLine], {
      cwd: options.workFolder,
      env: options.env,
      detached: true,
      stdio: ["ignore", stdout, stderr, "pipe"],
    });
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
  // Without a listener a failed spawn would end the agent; that there is no pid says the same.
  let spawnError = "no pid";
  child.once("error", (error) => {
    spawnError = error.message;
  });
  const gate = child.stdio[3] as Writable | undefined;
  gate?.on("error", () => undefined);
  const entry = child.pid === undefined ? null : readProcess(child.pid);
  if (child.pid === undefined || !entry || !gate) {
    throw new RuntimeFault("start_failed", `/bin/sh could not be started in ${options.workFolder}: ${spawnError}`);
  }
  return { child, pid: child.pid, startTicks: entry.startTicks, release: () => gate.end("go\n") };
}
