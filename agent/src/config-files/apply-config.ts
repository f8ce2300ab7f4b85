import type { ConfigFile, ConfigReplacement, WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { RuntimeFault } from "../runtime/container-runtime.ts";
import type { ConfigEdit, ConfigParser } from "./config-edit.ts";
import { filled } from "./config-placeholders.ts";
import type { ConfigValue } from "./config-value.ts";
import { editApart } from "./edit-apart.ts";
import type { VolumeFiles } from "./volume-files.ts";
import { volumePath } from "./volume-path.ts";

/** Longest file that is edited. */
export const CONFIG_BYTES_MAX = 1 << 20;

/**
 * Sets the values of the spec's configuration files in its volume. All files are read and edited before the first is written, so
 * that one that cannot be leaves the others as they were. `permit` is asked before anything is done and again before each file is
 * written: reading and editing take their time, in which the order may become stale; what it throws leaves that file and those
 * after it as they were. Rejects with the RuntimeFault "config_failed".
 */
export async function applyConfig(
  spec: WorkloadSpec,
  files: VolumeFiles,
  facts: {
    readonly env: Readonly<Record<string, string>>;
    readonly address: string;
    readonly permit: () => Promise<void>;
  },
): Promise<void> {
  const wanted = spec.equipment?.configFiles ?? [];
  if (wanted.length === 0) return;
  await facts.permit();
  const edits: ConfigEdit[] = [];
  for (const file of wanted) edits.push(await editOf(spec, file, files, facts));
  const answers = await editApart(edits);
  for (const [index, edit] of edits.entries()) {
    const fault = answers[index]?.fault;
    if (fault !== undefined) throw configFault(spec, edit.path, fault);
  }
  for (const [index, edit] of edits.entries()) {
    const text = answers[index]?.text ?? null;
    if (text === null || text === edit.text) continue;
    const content = Buffer.from(text, "utf8");
    if (content.byteLength > CONFIG_BYTES_MAX) {
      throw configFault(spec, edit.path, `would have ${content.byteLength} bytes; at most ${CONFIG_BYTES_MAX}`);
    }
    await facts.permit();
    await files.write(stepsOf(spec, edit.path), content);
  }
}

/** Why a start with such a file fails. */
export function configFault(spec: WorkloadSpec, path: string, reason: string): RuntimeFault {
  const what = `container ${spec.containerName}: the configuration file ${JSON.stringify(path)}`;
  return new RuntimeFault(
    "config_failed",
    `${what} ${reason}; mend the file in its volume, or config.files of its egg`,
  );
}

function stepsOf(spec: WorkloadSpec, path: string): string[] {
  const steps = volumePath(path);
  if (steps === null) throw configFault(spec, path, "leads out of the volume");
  return steps;
}

async function editOf(
  spec: WorkloadSpec,
  { path, parser, replacements }: ConfigFile,
  files: VolumeFiles,
  facts: { readonly env: Readonly<Record<string, string>>; readonly address: string },
): Promise<ConfigEdit> {
  const content = await files.read(stepsOf(spec, path), CONFIG_BYTES_MAX);
  const text = content === null ? null : decoded(spec, path, content);
  const changes = replacements.map((replacement) => ({
    match: replacement.match,
    ifValue: replacement.ifValue ?? null,
    value: filled(givenValue(replacement), facts.env, facts.address),
  }));
  return { path, parser: parser as ConfigParser, text, changes };
}

function decoded(spec: WorkloadSpec, path: string, content: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw configFault(spec, path, "is not UTF-8");
  }
}

function givenValue({ value }: ConfigReplacement): ConfigValue {
  return value.case === undefined ? null : value.value;
}
