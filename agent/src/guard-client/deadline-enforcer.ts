import type { Logger } from "pino";
import { controlFolder, processesBelow } from "../process/cgroup-layout.ts";
import type { NodeCgroups } from "../process/node-cgroups.ts";
import { killPasses, signalProcess } from "../process/process-killer.ts";
import type { GuardedGroup } from "../runtime/container-runtime.ts";

/**
 * One pass of the agent's own hands over every HA container of the node. It freezes nothing: that is the guard's, which also
 * thaws.
 */
export function enforceDeadline(cgroups: NodeCgroups | null, groups: readonly GuardedGroup[], log: Logger): void {
  let found = 0;
  try {
    if (cgroups) {
      for (const pid of processesBelow(controlFolder(cgroups.layout, cgroups.paths.ha))) {
        found += signalProcess(pid, "SIGKILL") ? 1 : 0;
      }
    }
    const ha = groups.filter((group) => group.ha);
    found += killPasses(ha, ({ containerId }, error) => log.error({ err: error, containerId }, "killing failed"));
  } catch (error) {
    log.error({ err: error }, "a pass of killing failed, the next follows");
  }
  if (found > 0) log.error({ processes: found }, "the lease is over: HA containers were killed");
}
