import type { MaybeSealed } from "./sealed-text.ts";

/** What a runtime needs to create one container, but for the host ports, which placement decides. */
export type WorkloadSpec = {
  readonly image: string;
  /** Command line by runtime kind ("docker", "exec"); a runtime that is missing cannot run the workload. */
  readonly startup: Readonly<Record<string, MaybeSealed>>;
  readonly env: Readonly<Record<string, MaybeSealed>>;
  readonly ports: readonly PortDemand[];
  readonly volumes: readonly VolumeSpec[];
  readonly stop: StopSpec;
  readonly health: HealthCheckSpec | null;
  /** Milliseconds within which it answers its health check, and has written that it is ready, after a start. */
  readonly startBudgetMs: number;
  /** What has to be done around its starts; absent: nothing, as for all that was made by earlier versions. */
  readonly equipment?: EquipmentSpec;
  /** Its process has a terminal; absent: none, as for all that was made by earlier versions. */
  readonly tty?: boolean;
};

/** Runtimes that can give a process a terminal. */
const RUNTIMES_WITH_TERMINALS: readonly string[] = ["docker"];

/** The runtimes on which it can run. */
export function runtimesOf({ startup, tty = false }: Pick<WorkloadSpec, "startup" | "tty">): string[] {
  const all = Object.keys(startup);
  return tty ? all.filter((runtime) => RUNTIMES_WITH_TERMINALS.includes(runtime)) : all;
}

/** What an agent does around a container's start; see the message Equipment. */
export type EquipmentSpec = {
  /** The volume that it works on, by name; "" where there is none. */
  readonly volume: string;
  /** Output of which any tells that a start has succeeded; empty: none is waited for. */
  readonly readyLines: readonly string[];
  /** What fills the volume, once; null: nothing. */
  readonly install: InstallSpec | null;
  /** Files of the volume in which values are set before each start. */
  readonly configFiles: readonly ConfigFileSpec[];
};

export type ConfigParser = "file" | "yaml" | "json" | "properties" | "ini" | "xml";

export type ConfigFileSpec = {
  /** Within the volume. */
  readonly path: string;
  readonly parser: ConfigParser;
  readonly replacements: readonly {
    readonly match: string;
    /** Only where this stands, or what "regex:" finds; null: in any case. */
    readonly ifValue: string | null;
    /** A text may hold {{env.NAME}} and {{config.docker.interface}}. */
    readonly value: string | number | boolean | null;
  }[];
};

export type InstallSpec = {
  readonly image: string;
  readonly entrypoint: string;
  readonly script: string;
  readonly timeoutMs: number;
};

/** The same with every secret open. It is made for the moment and never kept. */
export type PlainWorkloadSpec = Omit<WorkloadSpec, "startup" | "env"> & {
  readonly startup: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
};

export type StopSpec = {
  readonly signal: string;
  readonly graceMs: number;
  /** Written to its standard input in the signal's place; empty, or absent in what earlier versions stored: the signal. */
  readonly command?: string;
};

export type PortDemand = {
  readonly name: string;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  /** The host port that must be had; null takes any from the node's pool. */
  readonly fixedHostPort: number | null;
};

export type VolumeSpec = {
  readonly name: string;
  readonly path: string;
  /** local: stays on its node. shared: the same everywhere. ephemeral: may start empty elsewhere. */
  readonly kind: "local" | "shared" | "ephemeral";
};

export type HealthCheckSpec = {
  readonly kind: "tcp" | "http" | "command";
  readonly portName: string;
  readonly path: string;
  readonly command: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
};

/** One port that placement has given to a container. */
export type PortAssignment = {
  readonly name: string;
  readonly containerPort: number;
  readonly hostPort: number;
  readonly protocol: "tcp" | "udp";
};

/** What an agent says of one container. */
export type ObservedWorkload = {
  readonly containerId: string;
  readonly epoch: number;
  readonly session: number;
  readonly state: "created" | "starting" | "running" | "unhealthy" | "exited" | "absent";
  readonly exitCode: number | null;
  readonly detail: string;
  /** What it uses; absent where it was not measured. */
  readonly usage?: WorkloadUsage;
};

export type WorkloadUsage = {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Bytes since the copy was started; absent where its runtime does not count them. */
  readonly io?: WorkloadIo;
};

export type WorkloadIo = {
  readonly networkReceivedBytes: number;
  readonly networkSentBytes: number;
  readonly diskReadBytes: number;
  readonly diskWrittenBytes: number;
};
