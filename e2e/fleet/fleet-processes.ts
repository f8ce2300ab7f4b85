import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** One running process of a fleet. */
export type FleetProcess = {
  readonly pid: number;
  readonly parent: number;
  /** Words of its command line. */
  readonly argv: readonly string[];
  readonly environment: ReadonlyMap<string, string>;
};

/** The variable by which a test finds again what its fleet started; inherited by every child that keeps the environment. */
export const FLEET_MARK = "E2E_FLEET";

/**
 * Every process of one fleet, zombies left out: it carries the mark, or a host mark of the fleet's agents, or its command
 * line or working directory lies in the fleet's folder (PostgreSQL overwrites its environment, containers get one of their own).
 */
export function fleetProcesses(mark: string, folder: string): FleetProcess[] {
  const found: FleetProcess[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const argv = read(pid, "cmdline").split("\0").filter(Boolean);
    const stat = read(pid, "stat");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (argv.length === 0 || state === undefined || "ZX".includes(state)) continue;
    const environment = new Map(
      read(pid, "environ")
        .split("\0")
        .map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)] as const),
    );
    const inside = `${workingDirectory(pid)}/`.startsWith(`${folder}/`) || argv.join(" ").includes(folder);
    if (!inside && environment.get(FLEET_MARK) !== mark && !(environment.get("HOME") ?? "").startsWith(folder))
      continue;
    found.push({ pid, parent: Number(parent), argv, environment });
  }
  return found;
}

/** What the fleet runs of one container. */
export function copiesOf(processes: readonly FleetProcess[], container: string): FleetProcess[] {
  const own = processes.filter(({ environment }) => environment.get("LORMAS_CONTAINER") === container);
  // A shell that starts a program is one copy together with it: only the outermost process of each counts.
  const pids = new Set(own.map(({ pid }) => pid));
  return own.filter(({ parent }) => !pids.has(parent));
}

/** One process a line, for messages. */
export function describe(processes: readonly FleetProcess[]): string {
  return processes.map(({ pid, argv }) => `${pid} ${argv.join(" ").slice(0, 120)}`).join("\n");
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return ""; // It ended while it was looked at.
  }
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}
