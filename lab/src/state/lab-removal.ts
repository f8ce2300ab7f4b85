import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { isRunning } from "@lormas/agent/process/process-table.ts";
import { attempted } from "../command/bounded-command.ts";
import { HostCgroups } from "../hosts/host-cgroups.ts";
import { HostNetwork } from "../network/host-network.ts";
import { type HostsRecord, labCgroup, labFolder, labRecords } from "./lab-record.ts";

/**
 * Takes a lab away: its processes by their control groups, its network, its mounts, its folder. Everything is found by the
 * lab's own id, so it does not matter who made it or how far that came. May be repeated.
 */
export async function removeLab(record: HostsRecord): Promise<void> {
  const folder = labFolder(record.id);
  const cgroups = HostCgroups.at(labCgroup(record.id));
  // Cables first: nothing of it shall say goodbye to anything else.
  const network = HostNetwork.open(record.network);
  await cgroups.killAll();
  network.dispose();
  // Deepest first: mounts may stand inside each other.
  for (const mount of mountsBelow(folder)) attempted("umount", "-l", mount);
  cgroups.remove();
  rmSync(folder, { recursive: true, force: true });
  const labs = dirname(folder);
  if (existsSync(labs) && readdirSync(labs).length === 0) rmdirSync(labs);
}

/** Takes away the labs that this process has made, however far it came with them. */
export async function removeOwnLabs(): Promise<void> {
  for (const record of labRecords()) if (record.owner.pid === process.pid) await removeLab(record);
}

/** Takes away the labs of tests whose process has ended without doing it. */
export async function removeAbandonedLabs(): Promise<void> {
  for (const record of labRecords()) {
    if (record.kind === "test" && !isRunning(record.owner.pid, record.owner.startTicks)) await removeLab(record);
  }
}

function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .sort()
    .reverse();
}
