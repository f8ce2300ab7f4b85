import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { readProcess } from "../../process/process-table.ts";
import { RuntimeFault } from "../container-runtime.ts";

/** A process that stands ready: it has its pid, session and output files, and runs nothing before its gate is opened. */
export type LaunchedProcess = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly startTicks: string;
};

/** Waits for its own word on descriptor 3 and then becomes the command; any other word ends it. */
const LAUNCHER = 'IFS= read -r word <&3 && [ "$word" = "$2" ] || exit 125; exec 3<&-; exec /bin/sh -c "$1"';

const GATE_FILE = "gate";

/** The gate of a container's folder. While it exists, nobody has been let in. */
export function gatePath(folder: string): string {
  return join(folder, GATE_FILE);
}

/** Makes a new gate in the place of an old one. */
export async function makeGate(folder: string): Promise<void> {
  await rm(gatePath(folder), { force: true });
  await promisify(execFile)("mkfifo", ["-m", "600", gatePath(folder)]);
}

export const LOG_FILES = { stdout: "stdout.log", stderr: "stderr.log" } as const;

/**
 * Starts a shell in a session of its own that waits at the folder's gate for `word`. Who opens the gate decides; this process
 * holds no end of it. Output goes straight to files, so nothing breaks when the agent dies.
 */
export function launchAtGate(options: {
  readonly folder: string;
  readonly workFolder: string;
  readonly commandLine: string;
  readonly word: string;
  readonly env: Record<string, string>;
}): LaunchedProcess {
  const stdout = openSync(join(options.folder, LOG_FILES.stdout), "a", 0o600);
  const stderr = openSync(join(options.folder, LOG_FILES.stderr), "a", 0o600);
  // For reading and writing: so it does not wait for a writer here, and the launcher sees no end of file before its word.
  const gate = openSync(gatePath(options.folder), "r+");
  let child: ChildProcess;
  try {
    child = spawn("/bin/sh", ["-c", LAUNCHER, "lormas-container", options.commandLine, options.word], {
      cwd: options.workFolder,
      env: options.env,
      detached: true,
      stdio: ["ignore", stdout, stderr, gate],
    });
  } finally {
    closeSync(stdout);
    closeSync(stderr);
    closeSync(gate);
  }
  // Without a listener a failed spawn would end the agent; that there is no pid says the same.
  let spawnError = "no pid";
  child.once("error", (error) => {
    spawnError = error.message;
  });
  const entry = child.pid === undefined ? null : readProcess(child.pid);
  if (child.pid === undefined || !entry) {
    throw new RuntimeFault("start_failed", `/bin/sh could not be started in ${options.workFolder}: ${spawnError}`);
  }
  return { child, pid: child.pid, startTicks: entry.startTicks };
}
