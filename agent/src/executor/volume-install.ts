import type { Install } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { PullOrder } from "../runtime/container-runtime.ts";
import { type CommandOutcome, failed, SUCCEEDED } from "./command-gate.ts";
import type { CommandTime } from "./command-time.ts";
import type { ContainerSlot } from "./container-slot.ts";
import { engineAnswers } from "./engine-wait.ts";
import { overtakenStart } from "./start-failure.ts";
import { releaseStart, type StartOrder } from "./start-release.ts";
import { checkedSpec } from "./stored-spec.ts";
import type { WorkloadStartParts } from "./workload-start-parts.ts";

/** Install scripts that run at once on a node. */
export const PARALLEL_INSTALLS_MAX = 2;

/**
 * Has the install script run on the container's volume, where it has one and the volume wants it. The script runs under the rules
 * of a start: nothing of it begins without the order's session, epoch and, for an HA container, lease and guard; a stop cuts it.
 */
export async function installVolume(
  order: StartOrder,
  spec: WorkloadSpec,
  slot: ContainerSlot,
  how: {
    /** Aborted by a stop or removal. */
    readonly wait: AbortSignal;
    /** By that, or by the end of the command's time. */
    readonly cut: AbortSignal;
    readonly again: boolean;
    readonly pull: PullOrder;
  },
  parts: WorkloadStartParts,
): Promise<void> {
  if (!spec.equipment?.install) return;
  const { epoch, session } = order;
  const release = async () => {
    if (how.cut.aborted) throw overtakenStart(spec);
    await releaseStart(order, spec, null, parts);
    slot.appearing = true;
  };
  try {
    const request = { spec, epoch, session, cut: how.cut, again: how.again, pull: how.pull, release };
    await parts.installLimit(() => parts.runtime.install(request), how.cut);
  } catch (error) {
    throw how.wait.aborted ? overtakenStart(spec) : error;
  } finally {
    slot.appearing = false;
  }
}

/** Runs the script again, whether the volume is installed or not; nothing of the container runs before, nor after it. */
export async function reinstallVolume(
  order: StartOrder,
  { spec: given, registries }: Install,
  slot: ContainerSlot,
  time: CommandTime,
  parts: WorkloadStartParts,
): Promise<CommandOutcome> {
  const spec = checkedSpec(given);
  const { runtime } = parts;
  if (!spec.equipment?.install) {
    return failed(
      "refused",
      `container ${spec.containerName} has no install script: give its egg one, and make it anew`,
    );
  }
  const wait = slot.openWait();
  const cut = AbortSignal.any([wait, time.signal]);
  await engineAnswers(runtime, parts.clock, parts.timers, cut);
  if ((await runtime.inspect(order.containerId))?.state === "running") {
    return failed("refused", `container ${spec.containerName} runs: stop it before its install script runs again`);
  }
  await installVolume(order, spec, slot, { wait, cut, again: true, pull: { logins: registries } }, parts);
  return SUCCEEDED;
}
