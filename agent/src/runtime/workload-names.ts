import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { PATTERN_WEIGHT_MAX, readyLineOf, readyWeight } from "@lormas/wire/line-pattern.ts";
import { volumePath } from "../config-files/volume-path.ts";

/** What the agent adds to a container's environment. */
export type NodeFacts = { readonly nodeId: string; readonly nodeName: string; readonly address: string };

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;

/** A name as part of an environment variable: upper case, everything but letters and digits as underscore. */
export function envName(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

/** What in a spec cannot be run on any runtime, each for people; empty when it is fine. */
export function specProblems(spec: WorkloadSpec): string[] {
  const problems: string[] = [];
  const odd = (kind: string, name: string) =>
    problems.push(`${kind} name "${name}": use letters, digits, "_", "." and "-"`);
  if (!NAME.test(spec.containerName)) odd("container", spec.containerName);
  for (const volume of spec.volumes) {
    if (!NAME.test(volume.name)) odd("volume", volume.name);
    if (!volume.path.startsWith("/") || volume.path.split("/").includes("..")) {
      problems.push(`volume ${volume.name}: path "${volume.path}" must be absolute and without ".."`);
    }
  }
  for (const port of spec.ports) if (!NAME.test(port.name)) odd("port", port.name);
  for (const name of Object.keys(spec.env)) {
    if (!ENV_NAME.test(name)) problems.push(`environment variable "${name}": use letters, digits and "_"`);
  }
  problems.push(...equipmentProblems(spec));
  const repeated = (kind: string, names: string[]) => {
    if (new Set(names).size < names.length) problems.push(`two ${kind} share one name: give each its own`);
  };
  repeated(
    "volumes",
    spec.volumes.map((volume) => envName(volume.name)),
  );
  repeated(
    "ports",
    spec.ports.map((port) => envName(port.name)),
  );
  return problems;
}

function equipmentProblems({ equipment, volumes }: WorkloadSpec): string[] {
  if (!equipment) return [];
  const problems: string[] = [];
  for (const line of equipment.ready?.lines ?? []) {
    if (readyLineOf(line) !== null) continue;
    problems.push(
      `${JSON.stringify(line.slice(0, 120))}, which tells that it is ready, is no expression that agents know`,
    );
  }
  const weight = readyWeight(equipment.ready?.lines ?? []);
  if (weight > PATTERN_WEIGHT_MAX) {
    problems.push(
      `the expressions which tell that it is ready are ${weight} steps long together; at most ${PATTERN_WEIGHT_MAX}: shorten them`,
    );
  }
  const needsVolume = equipment.install !== undefined || equipment.configFiles.length > 0;
  if (needsVolume && !volumes.some(({ name }) => name === equipment.volume)) {
    problems.push(`volume "${equipment.volume}", which is to be filled, is none of its own`);
  }
  for (const { path } of equipment.configFiles) {
    if (volumePath(path) !== null) continue;
    problems.push(`configuration file ${JSON.stringify(path.slice(0, 120))}: its path must stay within the volume`);
  }
  return problems;
}

/**
 * The environment of a container: its own variables, and on top what the agent adds. `portOf` says which number the process
 * itself has to use (docker: inside the container; exec: the host's).
 */
export function workloadEnv(
  spec: WorkloadSpec,
  epoch: bigint,
  node: NodeFacts,
  portOf: (port: WorkloadSpec["ports"][number]) => number,
): Record<string, string> {
  const ports = spec.ports.map((port) => [`PORT_${envName(port.name)}`, String(portOf(port))]);
  return {
    ...spec.env,
    LORMAS_NODE: node.nodeName,
    LORMAS_CONTAINER: spec.containerName,
    LORMAS_EPOCH: String(epoch),
    LORMAS_ADDRESS: node.address,
    ...Object.fromEntries(ports),
  };
}
