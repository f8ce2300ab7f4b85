import type { Prepare, Start } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { PullOrder } from "../runtime/container-runtime.ts";
import type { ContainerSlot } from "./container-slot.ts";

/** How a command wants its images got; what is found of the specification's is kept for the command's result. */
export function pullOrder({ registries, askRegistry }: Prepare | Start, slot: ContainerSlot): PullOrder {
  return {
    logins: registries,
    askRegistry,
    found: (image) => {
      slot.seen = { image };
    },
  };
}
