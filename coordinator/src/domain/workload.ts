/** What a runtime needs to create one container, but for the host ports, which placement decides. */
export type WorkloadSpec = {
  readonly image: string;
  /** Command line by runtime kind ("docker", "exec"); a runtime that is missing cannot run the workload. */
  readonly startup: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly PortDemand[];
  readonly volumes: readonly VolumeSpec[];
  readonly stop: { readonly signal: string; readonly graceMs: number };
  readonly health: HealthCheckSpec | null;
  /** Milliseconds within which it answers its health check after a start. */
  readonly startBudgetMs: number;
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
};
