import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import type { Command } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { type WorkloadSpec, WorkloadSpecSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { containerRecord, type JournalState } from "../journal/journal-state.ts";
import { RuntimeFault } from "../runtime/container-runtime.ts";
import { specProblems } from "../runtime/workload-names.ts";

/** For a container of which the journal knows no stop policy. */
const GRACE_DEFAULT_MS = 10_000;

/** A spec that this agent's own toJson wrote into the journal. */
export function specFromJson(json: unknown): WorkloadSpec {
  return fromJson(WorkloadSpecSchema, json as JsonValue);
}

/** How a container wants to be ended. */
export function stopPolicyOf(journal: JournalState, containerId: string): { signal: string; graceMs: number } {
  const { started } = containerRecord(journal, containerId);
  const stop = started?.spec ? specFromJson(started.spec).stop : undefined;
  return { signal: stop?.signal || "SIGTERM", graceMs: stop?.graceMs ?? GRACE_DEFAULT_MS };
}

/** The spec of a command, if it can be run at all; throws RuntimeFault that says everything that is wrong with it. */
export function checkedSpec(command: Command, spec: WorkloadSpec | undefined): WorkloadSpec {
  const problems = spec ? specProblems(spec) : ["the command carries no specification"];
  if (spec && spec.containerId !== command.containerId) problems.push("the specification is of another container");
  if (!spec || problems.length > 0) {
    throw new RuntimeFault("runtime_error", `cannot be run: ${problems.join("; ")}; correct its egg`);
  }
  return spec;
}
