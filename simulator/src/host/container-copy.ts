import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";

/** One container object of a host's engine, with its process. */
export type ContainerCopy = {
  readonly engineId: number;
  readonly containerId: string;
  readonly host: string;
  readonly spec: WorkloadSpec;
  readonly epoch: bigint;
  readonly session: bigint;
  readonly ha: boolean;
  state: "created" | "running" | "exited";
  exitCode: number | null;
  /** Boot time of its start. */
  startedMs: number;
  /** Its processes carry out instructions: it runs and is not frozen. */
  executing: boolean;
  /** SIGKILL has been sent. */
  dying: boolean;
};
