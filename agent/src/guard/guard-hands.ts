import { setFrozen } from "../process/cgroup-layout.ts";
import type { NodeCgroups } from "../process/node-cgroups.ts";
import { killCgroupPass, killPasses } from "../process/process-killer.ts";
import { openGate } from "../process/start-gate.ts";
import type { GuardHands } from "./guard.ts";
import type { WireGroup } from "./guard-message.ts";
import { type GuardFile, writeGuardFile } from "./guard-record.ts";

/** The guard's hands on a real machine. */
export function guardHands(options: {
  readonly filePath: string;
  readonly cgroups: NodeCgroups | null;
  /** Pets the watchdog; null without one. */
  readonly pet: (() => void) | null;
  readonly log: GuardHands["log"];
}): GuardHands {
  const { cgroups, log } = options;
  const told = (what: string, error: unknown) =>
    log(`${what} failed`, { reason: error instanceof Error ? error.message : String(error) });
  const guarded = (what: string, act: () => number): number => {
    try {
      return act();
    } catch (error) {
      // One thing that cannot be killed must not keep the rest alive; it is tried again in the next pass.
      told(what, error);
      return 1;
    }
  };
  return {
    store: (file: GuardFile) => writeGuardFile(options.filePath, file),
    killHa(groups: readonly WireGroup[]) {
      let found = 0;
      if (cgroups)
        found += guarded("killing the HA cgroup", () =>
          killCgroupPass(cgroups.layout, cgroups.paths.ha, cgroups.paths.grave),
        );
      return found + killPasses(groups, (group, error) => told(`killing ${group.containerId}`, error));
    },
    thaw() {
      if (!cgroups) return;
      guarded("thawing", () => {
        setFrozen(cgroups.layout, cgroups.paths.ha, false);
        return 0;
      });
    },
    openGate,
    ...(options.pet && { pet: options.pet }),
    log,
  };
}

/**
 * One pass over everything of a node, HA or not; answers how many processes were found. What fails is told, counts as one that
 * is left, and keeps nothing else alive.
 */
export function killNodePass(
  cgroups: NodeCgroups | null,
  groups: readonly WireGroup[],
  failed: (error: unknown) => void,
): number {
  let found = killPasses(groups, (_group, error) => failed(error));
  for (const path of cgroups ? [cgroups.paths.ha, cgroups.paths.plain] : []) {
    try {
      if (cgroups) found += killCgroupPass(cgroups.layout, path, cgroups.paths.grave);
    } catch (error) {
      failed(error);
      found += 1;
    }
  }
  return found;
}
