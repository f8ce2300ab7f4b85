import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** A process that the run made and that is still there. */
export type LeftoverProcess = { readonly pid: number; readonly command: string };

/** The variable that every process of one run carries. */
export const RUN_MARK = "LORMAS_TEST_RUN";

/**
 * Processes of one run: those that carry its mark in their environment, and those that live in its temporary folder
 * (PostgreSQL overwrites its environment). Zombies do not count. Only Linux tells; elsewhere the list is empty.
 */
export function processesOf(runId: string, folder: string): LeftoverProcess[] {
  if (process.platform !== "linux") return [];
  const found: LeftoverProcess[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const read = (name: string): string => attempt(() => readFileSync(join("/proc", entry, name), "utf8"));
    const marked = read("environ").split("\0").includes(`${RUN_MARK}=${runId}`);
    const command = read("cmdline").replaceAll("\0", " ").trim();
    const cwd = attempt(() => readlinkSync(join("/proc", entry, "cwd")));
    if (!marked && !command.includes(`${folder}/`) && !`${cwd}/`.startsWith(`${folder}/`)) continue;
    if (command === "") continue;
    found.push({ pid, command: command.slice(0, 200) });
  }
  return found;
}

/** Kills them at once; one that is gone already is no error. */
export function killAll(processes: readonly LeftoverProcess[]): void {
  for (const { pid } of processes) attempt(() => String(process.kill(pid, "SIGKILL")));
}

/** Mount points inside a folder. */
export function mountsUnder(folder: string): string[] {
  return attempt(() => readFileSync("/proc/self/mountinfo", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`));
}

/** Containers of the engine that DOCKER_HOST names, id → name and labels; empty when no engine answers. */
export function containers(): Map<string, string> {
  const format = "{{.ID}}\t{{.Names}} {{.Labels}}";
  const done = spawnSync("docker", ["ps", "--all", "--no-trunc", "--format", format], {
    encoding: "utf8",
    timeout: 10_000,
  });
  if (done.status !== 0) return new Map();
  const lines = done.stdout.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.split("\t")[0] ?? "", line.split("\t")[1] ?? ""]));
}

/** What another process has taken away meanwhile reads as empty: /proc changes under the reader. */
function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
