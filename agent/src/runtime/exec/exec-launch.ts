import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, constants, existsSync, openSync, writeSync } from "node:fs";
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

const INPUT_FILE = "stdin";

/** The named pipe that is the standard input of a container's copy, and outlives the agent. */
export function inputPath(folder: string): string {
  return join(folder, INPUT_FILE);
}

/** Makes a new gate in the place of an old one, and a new input: what nobody has read of the old one is gone. */
export async function makeGate(folder: string): Promise<void> {
  await removeGate(folder);
  await rm(inputPath(folder), { force: true });
  await promisify(execFile)("mkfifo", ["-m", "600", gatePath(folder), inputPath(folder)]);
}

/**
 * Turns away whoever waits at the folder's gate; true when there is one: nobody has been let in there. The gate stays, so that
 * this is still known when what follows is cut short: `removeGate` comes last.
 */
export function turnAway(folder: string): boolean {
  if (!existsSync(gatePath(folder))) return false;
  // For reading and writing: it is opened whether somebody waits or not, and the word is lost when nobody does.
  const gate = openSync(gatePath(folder), constants.O_RDWR | constants.O_NONBLOCK);
  try {
    writeSync(gate, "\n");
  } finally {
    closeSync(gate);
  }
  return true;
}

export function removeGate(folder: string): Promise<void> {
  return rm(gatePath(folder), { force: true });
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
  // The process holds both ends of its input, so it sees no end of it when an agent ends that has written there.
  const input = openSync(inputPath(options.folder), "r+");
  let child: ChildProcess;
  try {
    child = spawn("/bin/sh", ["-c", LAUNCHER, "lormas-container", options.commandLine, options.word], {
      cwd: options.workFolder,
      env: options.env,
      detached: true,
      stdio: [input, stdout, stderr, gate],
    });
  } finally {
    closeSync(stdout);
    closeSync(stderr);
    closeSync(gate);
    closeSync(input);
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
