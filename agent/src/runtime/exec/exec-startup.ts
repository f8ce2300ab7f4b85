import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { RuntimeFault } from "../container-runtime.ts";

/** The command line of a specification that can run as plain processes; a RuntimeFault that says why it cannot. */
export function startupOf(spec: WorkloadSpec): string {
  const commandLine = spec.startup["exec"];
  // Node makes no pseudo-terminals; to run it without one would be to run something else than was asked for.
  if (spec.tty) {
    throw new RuntimeFault(
      "unsupported_runtime",
      `container ${spec.containerName} asks for a terminal (tty), and this node runs plain processes, which get none: place it on a node with Docker`,
    );
  }
  if (commandLine?.trim()) return commandLine;
  throw new RuntimeFault(
    "unsupported_runtime",
    `container ${spec.containerName} has no startup command for the exec runtime: give its egg one, or place it on a docker node`,
  );
}
