import { clone, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type WorkloadSpec, WorkloadSpecSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { containerRecord, type JournalState } from "../journal/journal-state.ts";
import { RuntimeFault } from "../runtime/container-runtime.ts";
import { specProblems } from "../runtime/workload-names.ts";

/** For a container of which the journal knows no stop policy. */
const GRACE_DEFAULT_MS = 10_000;

/** A spec that an agent's toJson wrote into the journal; what a later version has written there beyond is left out. */
export function specFromJson(json: unknown): WorkloadSpec {
  return fromJson(WorkloadSpecSchema, json as JsonValue, { ignoreUnknownFields: true });
}

/** What the journal keeps of a specification: a copy that is started again installs nothing, and scripts are long. */
export function withoutInstall(spec: WorkloadSpec): WorkloadSpec {
  if (!spec.equipment?.install) return spec;
  const kept = clone(WorkloadSpecSchema, spec);
  delete kept.equipment?.install;
  return kept;
}

/** How a container wants to be ended. */
export function stopPolicyOf(
  journal: JournalState,
  containerId: string,
): { readonly signal: string; readonly graceMs: number; readonly command: string } {
  const { started } = containerRecord(journal, containerId);
  const stop = started?.spec ? specFromJson(started.spec).stop : undefined;
  const { command = "" } = stop ?? {};
  return { signal: stop?.signal || "SIGTERM", graceMs: stop?.graceMs ?? GRACE_DEFAULT_MS, command };
}

/** A spec, if it can be run at all; throws RuntimeFault that says everything that is wrong with it. */
export function checkedSpec(spec: WorkloadSpec | undefined): WorkloadSpec {
  const problems = spec ? specProblems(spec) : ["the command carries no specification"];
  if (!spec || problems.length > 0) {
    throw new RuntimeFault("runtime_error", `cannot be run: ${problems.join("; ")}; correct its egg`);
  }
  return spec;
}
