import { execFileSync } from "node:child_process";

const COMMAND_MS = 20_000;

/** Runs a program to its end, at most 20 s, and answers what it wrote. Throws with its words and what it said. */
export function bounded(program: string, ...args: readonly string[]): string {
  try {
    return execFileSync(program, [...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: COMMAND_MS,
      killSignal: "SIGKILL",
    });
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    throw new Error(`${program} ${args.join(" ")}: ${said}`, { cause: error });
  }
}

/** The same where it does not matter whether there was anything to do. */
export function attempted(program: string, ...args: readonly string[]): void {
  try {
    bounded(program, ...args);
  } catch {
    // What is undone here may never have been made, or be gone already.
  }
}
