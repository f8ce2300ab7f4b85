import type { Prepare } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { type CommandOutcome, failed, SUCCEEDED } from "./command-gate.ts";
import type { CommandTime } from "./command-time.ts";
import type { ContainerSlot } from "./container-slot.ts";
import { pullOrder } from "./pull-order.ts";
import { checkedSpec } from "./stored-spec.ts";
import type { WorkloadStartParts } from "./workload-start-parts.ts";

/** Has image and volumes there before a start; a stop or removal, and the end of its time, cut it. */
export async function prepareWorkload(
  order: Prepare,
  slot: ContainerSlot,
  time: CommandTime,
  { runtime, limit }: Pick<WorkloadStartParts, "runtime" | "limit">,
): Promise<CommandOutcome> {
  const spec = checkedSpec(order.spec);
  const wait = slot.openWait();
  const cut = AbortSignal.any([wait, time.signal]);
  try {
    await limit(() => runtime.prepare(spec, cut, pullOrder(order, slot)), cut);
    return SUCCEEDED;
  } catch (error) {
    if (!wait.aborted) throw error;
    return failed("refused", `the preparation of container ${spec.containerName} was cut by its stop or removal`);
  }
}
