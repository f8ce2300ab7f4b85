import { join } from "node:path";
import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { ContainerCreateOptions } from "dockerode";
import { RuntimeFault } from "../container-runtime.ts";
import { type NodeFacts, workloadEnv } from "../workload-names.ts";

export const LABELS = {
  node: "lormas.node",
  container: "lormas.container",
  epoch: "lormas.epoch",
  session: "lormas.session",
  ha: "lormas.ha",
  /** On what runs an install script: it counts as a copy that was not started yet. */
  install: "lormas.install",
} as const;

/** Processes and threads that one container may have. */
const PIDS_MAX = 4_096;
/** What an ordinary image needs to start as root and become somebody else; everything beyond is dropped. */
export const CAPABILITIES = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETGID",
  "SETUID",
] as const;

export type DockerPlace = {
  readonly node: NodeFacts;
  /** The node's address as an IP, on which ports are published. */
  readonly hostIp: string;
  /** Cgroup parents as the engine takes them; null leaves it to the engine. */
  readonly cgroupParents: { readonly ha: string; readonly plain: string } | null;
  readonly sharedDir: string | null;
};

export function dockerContainerName(nodeName: string, containerName: string): string {
  return `lormas-${nodeName}-${containerName}`;
}

export function dockerVolumeName(containerId: string, volumeName: string): string {
  return `lormas-${containerId}-${volumeName}`;
}

/**
 * Everything that the engine is told of one container. Only what is written here can ever reach it: no privileges, devices, host
 * namespaces or host paths, but the node's own folder for shared volumes.
 */
export function dockerCreateOptions(
  spec: WorkloadSpec,
  epoch: bigint,
  session: bigint,
  place: DockerPlace,
): ContainerCreateOptions & { name: string } {
  const { node } = place;
  const commandLine = spec.startup["docker"] ?? "";
  const key = (port: WorkloadSpec["ports"][number]) => `${port.containerPort}/${port.protocol}`;
  const env = workloadEnv(spec, epoch, node, (port) => port.containerPort);
  const memory = Number(spec.limits?.memoryBytes ?? 0n);
  const parents = place.cgroupParents;
  return {
    name: dockerContainerName(node.nodeName, spec.containerName),
    Image: spec.image,
    // Without a startup of its own the image's command runs.
    ...(commandLine.trim() === "" ? {} : { Entrypoint: ["/bin/sh", "-c"], Cmd: [commandLine] }),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: {
      [LABELS.node]: node.nodeId,
      [LABELS.container]: spec.containerId,
      [LABELS.epoch]: String(epoch),
      [LABELS.session]: String(session),
      [LABELS.ha]: String(spec.ha),
    },
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [key(port), {}])),
    // Its input stays open when a connection that has written to it ends.
    OpenStdin: true,
    Tty: spec.tty,
    ...(spec.stop?.signal ? { StopSignal: spec.stop.signal } : {}),
    HostConfig: {
      PortBindings: Object.fromEntries(
        spec.ports.map((port) => [key(port), [{ HostIp: place.hostIp, HostPort: String(port.hostPort) }]]),
      ),
      Mounts: spec.volumes.map((volume) =>
        volume.kind === "shared"
          ? { Type: "bind", Source: sharedSource(spec.containerId, volume.name, place.sharedDir), Target: volume.path }
          : { Type: "volume", Source: dockerVolumeName(spec.containerId, volume.name), Target: volume.path },
      ),
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: (spec.limits?.cpuMillis ?? 0) * 1_000_000,
      PidsLimit: PIDS_MAX,
      CapDrop: ["ALL"],
      CapAdd: [...CAPABILITIES],
      SecurityOpt: ["no-new-privileges"],
      // Only the agent starts containers: an engine that comes back must not bring a copy with it.
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "2" } },
      ...(parents ? { CgroupParent: spec.ha ? parents.ha : parents.plain } : {}),
    },
  };
}

/** The host's folder of a shared volume. */
export function sharedSource(containerId: string, volumeName: string, sharedDir: string | null): string {
  if (sharedDir) return join(sharedDir, containerId, volumeName);
  throw new RuntimeFault(
    "runtime_error",
    `volume "${volumeName}" is shared, but this node has no shared folder: start its agent with --shared-dir`,
  );
}
