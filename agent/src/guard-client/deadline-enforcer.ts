import type { Logger } from "pino";
import { setFrozen } from "../process/cgroup-layout.ts";
import type { NodeCgroups } from "../process/node-cgroups.ts";
import { killCgroupPass, killPasses } from "../process/process-killer.ts";
import type { GuardedGroup } from "../runtime/container-runtime.ts";
import type { Enforcement } from "../session/enforcement.ts";

/** The agent's own hands over the HA containers of its node. What cannot be done is logged, and tried again in the next pass. */
export function agentEnforcement(
  cgroups: NodeCgroups | null,
  groups: () => readonly GuardedGroup[],
  log: Logger,
): Enforcement {
  const guarded = <Outcome>(what: string, act: () => Outcome, failed: Outcome): Outcome => {
    try {
      return act();
    } catch (error) {
      log.error({ err: error }, `${what} failed`);
      return failed;
    }
  };
  return {
    kill() {
      const ha = groups().filter((group) => group.ha);
      const inCgroup = cgroups
        ? guarded(
            "killing the HA cgroup",
            () => killCgroupPass(cgroups.layout, cgroups.paths.ha, cgroups.paths.grave),
            0,
          )
        : 0;
      const failed = ({ containerId }: GuardedGroup, error: unknown) =>
        log.error({ err: error, containerId }, "killing failed");
      const found = inCgroup + guarded("looking for what is to be killed", () => killPasses(ha, failed), 0);
      if (found > 0) log.error({ processes: found }, "the lease is over: HA containers were killed");
    },
    thaw() {
      if (!cgroups) return true;
      const thaw = () => {
        setFrozen(cgroups.layout, cgroups.paths.ha, false);
        return true;
      };
      return guarded("thawing", thaw, false);
    },
  };
}
