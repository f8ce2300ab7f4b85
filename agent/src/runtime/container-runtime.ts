import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { StartGate } from "../process/start-gate.ts";

/** Why a runtime could not do what it was asked; the codes of CommandResult.error_code that a runtime can cause. */
export type RuntimeFaultCode =
  | "image_unavailable"
  | "port_taken"
  | "runtime_error"
  | "start_failed"
  | "engine_down"
  | "unsupported_runtime"
  | "disk_full"
  | "no_lease"
  | "timed_out";

/** A refusal or failure of a runtime; the message names the thing, the reason and the next step. */
export class RuntimeFault extends Error {
  override readonly name = "RuntimeFault";
  readonly code: RuntimeFaultCode;
  constructor(code: RuntimeFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** One copy of a container as the runtime sees it. */
export type ObservedContainer = {
  readonly containerId: string;
  readonly epoch: bigint;
  readonly session: bigint;
  readonly ha: boolean;
  readonly state: "created" | "running" | "exited";
  readonly exitCode: number | null;
  readonly detail: string;
  /** Milliseconds since the process was started; 0 when it does not run. */
  readonly upMs: number;
};

export type ContainerUsage = { readonly memoryUsedBytes: number; readonly cpuUsedMillis: number };

/** What the guard must be able to kill by itself: a process group with its session, and the cgroups it is in. */
export type GuardedGroup = {
  readonly containerId: string;
  readonly ha: boolean;
  readonly pid: number;
  /** Start time of that pid in clock ticks since boot (/proc/PID/stat), which tells it from a later process of that number. */
  readonly startTicks: string;
  /** Folders of its cgroups; empty where there are none. */
  readonly cgroups: readonly string[];
  /** Where it waits before its first instruction. */
  readonly gate: StartGate;
};

export type StartRequest = {
  readonly spec: WorkloadSpec;
  readonly epoch: bigint;
  readonly session: bigint;
  /** Aborted when the start is not wanted any more; a runtime cuts what it can of what comes before the release. */
  readonly cut?: AbortSignal;
  /**
   * Called at the last moment, before the first instruction of the workload runs; when it throws, nothing is started. A
   * runtime whose processes the guard cannot find by itself hands over what to kill; that group waits at its gate, and who
   * takes it opens the gate before this resolves.
   */
  readonly release: (group: GuardedGroup | null) => Promise<void>;
};

export type RuntimeLogLine = {
  /** When it was written; null where that is not known, as for lines that were found in a file. */
  readonly at: Date | null;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
};

export type LogRequest = { readonly tailLines: number; readonly follow: boolean; readonly signal: AbortSignal };

/** Longest log line, in characters; what is longer is cut. */
export const LOG_LINE_CHARS_MAX = 16_384;

/**
 * What the agent needs of a container engine. At most one copy of a container id exists on a node. Every call either settles
 * within the runtime's own bound or rejects with RuntimeFault; calls for different containers may run at once, calls for one
 * container come one after the other.
 */
export type ContainerRuntime = {
  readonly kind: "docker" | "exec" | "simulated";
  /** True while the engine answers. */
  ready(): Promise<boolean>;
  /** Pulls the image, makes volumes; nothing runs. Calling it again does nothing more. Rejects soon after `cut` is aborted. */
  prepare(spec: WorkloadSpec, cut?: AbortSignal): Promise<void>;
  /** Creates and starts a copy, removing an ended one of the same id first; resolves when its process runs. */
  start(request: StartRequest): Promise<void>;
  /**
   * Ends every process of the container: the signal, SIGKILL after `graceMs`. Resolves when none is left; absent is fine. A copy
   * that was created and never started is removed: a start of it may still be on its way in the engine.
   */
  stop(containerId: string, signal: string, graceMs: number): Promise<void>;
  /** Removes an ended copy, and its volumes where asked; absent is fine. */
  remove(containerId: string, removeVolumes: boolean): Promise<void>;
  /** Every copy on this node, those of former agents included. */
  list(): Promise<ObservedContainer[]>;
  /** One copy; null when there is none. */
  inspect(containerId: string): Promise<ObservedContainer | null>;
  /** What a running copy uses; null when that cannot be learnt. */
  usage(containerId: string): Promise<ContainerUsage | null>;
  /** Runs a command line inside the container and answers its exit code; rejects when it took longer. */
  run(containerId: string, commandLine: string, timeoutMs: number): Promise<number>;
  /** Lines in the order in which they were written; ends after the tail, or with `follow` when the signal is aborted. */
  logs(containerId: string, request: LogRequest): AsyncIterable<RuntimeLogLine>;
  /** Calls back whenever a copy has ended or may have changed; a listener then inspects it. */
  onChange(listener: (containerId: string) => void): () => void;
  /** Lets go of the engine; what runs goes on. */
  close(): Promise<void>;
};
