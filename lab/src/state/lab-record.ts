import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readProcess } from "@lormas/agent/process/process-table.ts";
import type { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { HostNetwork, type NetworkPlan } from "../network/host-network.ts";

/** What is needed to take a lab away, whatever its hosts run; written before the first thing of it is made. */
export type HostsRecord = {
  readonly id: string;
  /** Who ends it: a person with `down`, or the test or bench that made it. */
  readonly kind: "hand" | "test";
  /** The process that made it. Of a test whose process is gone nobody needs the lab any more. */
  readonly owner: { readonly pid: number; readonly startTicks: string };
  readonly network: NetworkPlan;
};

/** Everything that any process needs to find a lab of the product again. */
export type LabRecord = HostsRecord & {
  readonly runs: "lormas";
  /** Hosts with an agent, in order; the one besides them carries the control plane. */
  readonly nodes: readonly string[];
  readonly profile: keyof typeof LEASE_PROFILES;
  /** True when agents and guards see a clock that the lab drives. */
  readonly clocks: boolean;
  readonly adminPassword: string;
};

/** The same of a lab whose hosts are a Docker Swarm. */
export type SwarmRecord = HostsRecord & {
  readonly runs: "swarm";
  readonly managers: readonly string[];
  readonly workers: readonly string[];
};

export function runsProduct(record: LabRecord | SwarmRecord): record is LabRecord {
  return record.runs === "lormas";
}

/** What a lab that this process makes is called, and who answers for it. */
export function newRecord(kind: HostsRecord["kind"], hosts: readonly string[]): HostsRecord {
  const { startTicks = "" } = readProcess(process.pid) ?? {};
  const id = randomBytes(3).toString("hex");
  return { id, kind, owner: { pid: process.pid, startTicks }, network: HostNetwork.planFor(hosts) };
}

/** Where the coordinator and its database live. */
export const CONTROL_HOST = "control";

// Not below /run or /tmp: a host has a /run of its own, and what lives here must be seen on all of them.
const LABS = "/var/lib/lormas-lab";
const RECORD = "lab.json";

export function labFolder(id: string): string {
  return join(LABS, id);
}

/** The control group of a lab, below which every host has its own. */
export function labCgroup(id: string): string {
  return `/lormas-lab-${id}`;
}

export function writeLabRecord(record: LabRecord | SwarmRecord): void {
  const folder = labFolder(record.id);
  // The database's own account must be able to pass.
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const draft = join(folder, `${RECORD}.draft`);
  writeFileSync(draft, JSON.stringify(record), { mode: 0o600 });
  renameSync(draft, join(folder, RECORD));
}

/** Every lab on this machine, in the order of their ids. */
export function labRecords(): (LabRecord | SwarmRecord)[] {
  if (!existsSync(LABS)) return [];
  return readdirSync(LABS)
    .sort()
    .flatMap((id) => {
      const path = join(LABS, id, RECORD);
      // Written by writeLabRecord. A folder without one is a lab of which nothing was made.
      return existsSync(path) ? [JSON.parse(readFileSync(path, "utf8")) as LabRecord | SwarmRecord] : [];
    });
}
