import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { type ContainerRuntime, type ObservedContainer, RuntimeFault } from "../runtime/container-runtime.ts";

/** Lines of output that are shown with a failed start, and characters of each. */
const LAST_LINES = 5;
const LINE_CHARS = 200;

/** Why a container ended before it was healthy: what the runtime says, and its own last words. */
export async function whyEnded(
  runtime: ContainerRuntime,
  spec: WorkloadSpec,
  observed: ObservedContainer | null,
): Promise<string> {
  const lines: string[] = [];
  const signal = AbortSignal.abort();
  try {
    const logs = runtime.logs(spec.containerId, { tailLines: LAST_LINES, follow: false, signal });
    for await (const line of logs) lines.push(line.text.slice(0, LINE_CHARS));
  } catch (error) {
    lines.push(`(its output cannot be read: ${error instanceof Error ? error.message : String(error)})`);
  }
  const reason = observed?.detail || "its process is gone";
  const output = lines.length > 0 ? `its last output: ${lines.slice(-LAST_LINES).join(" | ")}` : "it wrote nothing";
  return `container ${spec.containerName} ended before it was healthy: ${reason}; ${output}; look at its startup command`;
}

/** A stop or removal came while a start was on its way. */
export function overtakenStart(spec: WorkloadSpec): RuntimeFault {
  return new RuntimeFault("start_failed", `container ${spec.containerName} was stopped before it was started`);
}
