import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { GuardRecord } from "@lormas/lease/guard-lease.ts";
import type { WireGroup } from "./guard-message.ts";

/** All that a guard must know again after its death. */
export type GuardFile = GuardRecord & { readonly groups: readonly WireGroup[] };

/**
 * Stores the record as one step. It is not fsynced: it must outlive this process, not this boot, whose id it names.
 */
export function writeGuardFile(path: string, file: GuardFile): void {
  writeFileSync(`${path}.new`, JSON.stringify(file), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Reads the record; null when there is none or it is not whole, which counts as no lease. */
export function readGuardFile(path: string): GuardFile | null {
  try {
    const file = JSON.parse(readFileSync(path, "utf8")) as GuardFile;
    const whole =
      typeof file.bootId === "string" &&
      (file.deadlineMs === null || typeof file.deadlineMs === "number") &&
      (file.softEndMs === null || typeof file.softEndMs === "number") &&
      typeof file.killMs === "number" &&
      typeof file.fenced === "boolean" &&
      Array.isArray(file.groups);
    return whole ? file : null;
  } catch {
    return null;
  }
}
