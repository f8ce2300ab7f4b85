import { type Container, ContainerStatus, DesiredState } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { LabHost } from "../hosts/lab-host.ts";
import type { Lab } from "../lab.ts";

const PAGE_SIZE = 500;

/**
 * What is not as it should be, or empty: each container is as it is wanted, runs once and where the coordinator believes, no
 * migration is under way, and no engine holds a copy besides.
 */
export async function unsettled(lab: Lab): Promise<string> {
  const { witness, nodes } = lab;
  const { migrations } = await lab.api().migrations.listMigrations({ activeOnly: true });
  if (migrations.length > 0) return `${migrations[0]?.containerName} is being moved: ${migrations[0]?.state}`;
  const { containers } = await lab.api().containers.listContainers({ pageSize: PAGE_SIZE });
  for (const { name, status, statusReason, desiredState, nodeName } of containers) {
    const wanted = desiredState === DesiredState.STOPPED ? ContainerStatus.STOPPED : ContainerStatus.RUNNING;
    if (status !== wanted) return `${name} has the status ${statusName(status)} (${statusReason})`;
    const home = status === ContainerStatus.RUNNING ? nodeName : "";
    if (home !== "" && !witness.beats(name, home)) return `${name} is said to run on ${home}, and does not`;
    const elsewhere = nodes.find((host) => host.name !== home && witness.beats(name, host.name));
    if (elsewhere)
      return `${name} runs on ${elsewhere.name}, and is said to ${home === "" ? "be stopped" : `run on ${home}`}`;
  }
  for (const host of nodes) {
    const held = heldBy(host);
    const its = containers.filter(({ nodeName }) => nodeName === host.name);
    const missing = its.find((one) => one.status === ContainerStatus.RUNNING && !held.includes(one.id));
    if (missing) return `the engine of ${host.name} holds no copy of ${missing.name}`;
    const stale = held.filter((id) => !its.some((one) => one.id === id));
    if (stale.length > 0 || new Set(held).size < held.length) {
      return `the engine of ${host.name} holds ${held.length} copies; those of ${namesOf(stale, containers)} are stale or double`;
    }
  }
  return "";
}

/** Ids of the containers of which an engine holds a copy, running or not. */
export function heldBy(host: LabHost): string[] {
  const format = '{{.Label "lormas.container"}}';
  return host.dockerd
    .docker("ps", "-a", "--filter", "label=lormas.container", "--format", format)
    .split("\n")
    .filter(Boolean);
}

function namesOf(ids: readonly string[], containers: readonly Container[]): string {
  return ids.map((id) => containers.find((one) => one.id === id)?.name ?? `${id} (deleted)`).join(", ");
}

function statusName(status: ContainerStatus): string {
  return Object.entries(ContainerStatus).find(([, value]) => value === status)?.[0] ?? String(status);
}
