import { RESTARTS_MAX } from "./command-budget.ts";
import type { ContainerContext } from "./container-context.ts";

/** The only node that may run it: the one that holds its data. */
export function pinnedNodeId(context: ContainerContext): string | null {
  return context.localData && !context.allowDataLoss && context.placement && context.lastEpoch > 0
    ? context.placement.nodeId
    : null;
}

/** Failures that another node, or another port, may be free of. An older agent calls unknown what it cannot do yet. */
const RELOCATABLE = [
  ...["port_taken", "image_unavailable", "unsupported_runtime", "disk_full", "engine_down"],
  "unknown_command",
];

/** True when starting somewhere else, or on other pool ports, may help, and the container may go there. */
export function mayStartElsewhere(context: ContainerContext, code: string): boolean {
  if (context.restarts >= RESTARTS_MAX || !RELOCATABLE.includes(code)) return false;
  return (code === "port_taken" && context.poolPorts.length > 0) || pinnedNodeId(context) === null;
}

/** It crashed so often on its node that another one is worth a try. One that may be given up after this is not moved. */
export function isWornOut(context: ContainerContext): boolean {
  return (
    context.ha &&
    context.desired === "running" &&
    context.crashesBeforeMove > 0 &&
    context.crashesHere >= context.crashesBeforeMove &&
    context.restarts <= RESTARTS_MAX &&
    context.placement?.nodeDead === false &&
    pinnedNodeId(context) === null
  );
}
