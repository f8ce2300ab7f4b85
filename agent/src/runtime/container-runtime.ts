import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { StartGate } from "../process/start-gate.ts";
import type { TerminalPiece } from "./terminal-buffer.ts";

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
  | "timed_out"
  | "install_failed"
  | "config_failed";

/** A refusal or failure of a runtime; the message names the thing, the reason and the next step. */
export class RuntimeFault extends Error {
  override readonly name = "RuntimeFault";
  readonly code: RuntimeFaultCode;
  constructor(code: RuntimeFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why an input did not reach its process, or its terminal is not to be had: codes of ConsoleResult.error_code. */
export class InputFault extends Error {
  override readonly name = "InputFault";
  readonly code: "not_running" | "stale_epoch" | "no_input" | "input_full" | "no_terminal" | "refused";
  constructor(code: InputFault["code"], message: string) {
    super(message);
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
  /** True of the copy that was made for the install script. */
  readonly isInstall?: boolean;
  readonly detail: string;
  /** Milliseconds since the process was started; 0 when it does not run. */
  readonly upMs: number;
};

export type ContainerUsage = {
  readonly memoryUsedBytes: number;
  readonly cpuUsedMillis: number;
  /** Absent where the runtime does not count it. */
  readonly io?: ContainerIo;
};

/** Bytes since the copy was started. */
export type ContainerIo = {
  readonly networkReceivedBytes: number;
  readonly networkSentBytes: number;
  readonly diskReadBytes: number;
  readonly diskWrittenBytes: number;
};

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

/** Who to be at a registry. It is used and forgotten: no journal and no log may have it. */
export type RegistryLogin = { readonly server: string; readonly username: string; readonly password: string };

/** How images that a call needs are got. */
export type PullOrder = {
  /** At most one a registry. */
  readonly logins: readonly RegistryLogin[];
  /** The specification's image is asked of its registry even where it is here; where that fails, what is here is used. */
  readonly askRegistry?: boolean;
  /** Told what the specification's image is here, once that is known. */
  readonly found?: (image: FoundImage) => void;
};

/** See the message FoundImage. */
export type FoundImage = { readonly digest: string; readonly note: string };

export type StartRequest = {
  readonly spec: WorkloadSpec;
  readonly epoch: bigint;
  readonly session: bigint;
  /** Aborted when the start is not wanted any more; a runtime cuts what it can of what comes before the release. */
  readonly cut?: AbortSignal;
  /** Absent: as nobody, and only what is not there. */
  readonly pull?: PullOrder;
  /** Called before anything in the container's volumes is changed; when it throws, nothing is, and nothing is started. */
  readonly permit: () => Promise<void>;
  /**
   * Called at the last moment, before the first instruction of the workload runs; when it throws, nothing is started. A
   * runtime whose processes the guard cannot find by itself hands over what to kill; that group waits at its gate, and who
   * takes it opens the gate before this resolves.
   */
  readonly release: (group: GuardedGroup | null) => Promise<void>;
};

/** An install script that is to be run on the volume of a container that does not run. */
export type InstallRequest = {
  readonly spec: WorkloadSpec;
  readonly epoch: bigint;
  readonly session: bigint;
  /** Aborted when it is not wanted any more: what runs of it is killed before the call settles. */
  readonly cut?: AbortSignal;
  readonly pull?: PullOrder;
  /** Also where the volume is installed already. */
  readonly again: boolean;
  /** Called before the script's first instruction; when it throws, nothing runs. */
  readonly release: () => Promise<void>;
};

export type RuntimeLogLine = {
  /** When it was written; null where that is not known, as for lines that were found in a file. */
  readonly at: Date | null;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
};

export type LogRequest = {
  readonly tailLines: number;
  /** Only what the present copy has written, from its first line; `tailLines` does not count then. */
  readonly sinceStart?: boolean;
  readonly follow: boolean;
  readonly signal: AbortSignal;
};

/** 1 to 1,000 each. */
export type TerminalSize = { readonly rows: number; readonly columns: number };

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
  prepare(spec: WorkloadSpec, cut?: AbortSignal, pull?: PullOrder): Promise<void>;
  /**
   * Runs the script of `spec.equipment.install` on its volume, unless that is installed already, and resolves when it has ended
   * well. While it runs it is the container's copy, in the state "created": what ends or removes that ends the script; its
   * output is the container's. Rejects with "install_failed" and the script's last lines. Then, and where it was to run again,
   * it leaves the ended copy for its output. At no time runs more than this or a copy that was started.
   */
  install(request: InstallRequest): Promise<void>;
  /**
   * Creates and starts a copy, removing an ended one of the same id first; resolves when its process runs. Sets the values of the
   * spec's configuration files before; rejects with "config_failed" where one cannot be.
   */
  start(request: StartRequest): Promise<void>;
  /**
   * Ends every process of the container: the signal, SIGKILL after `graceMs`, or as soon as `cut` is aborted. A `command` that is
   * not empty is written to the input of its process in the signal's place; where the input does not take it, the signal is sent.
   * Resolves when none is left; absent is fine. A copy that was created and never started is removed: a start of it may still be on its way in the
   * engine.
   */
  stop(containerId: string, signal: string, graceMs: number, cut?: AbortSignal, command?: string): Promise<void>;
  /** Removes an ended copy, and its volumes where asked; absent is fine. */
  remove(containerId: string, removeVolumes: boolean): Promise<void>;
  /** Every copy on this node, those of former agents included. */
  list(): Promise<ObservedContainer[]>;
  /** One copy; null when there is none. */
  inspect(containerId: string): Promise<ObservedContainer | null>;
  /** What a running copy uses; null when that cannot be learnt. May take some seconds: Docker takes one, to compare two readings. */
  usage(containerId: string): Promise<ContainerUsage | null>;
  /** Runs a command line inside the container and answers its exit code; rejects when it took longer. */
  run(containerId: string, commandLine: string, timeoutMs: number): Promise<number>;
  /** Lines in the order in which they were written; ends after the tail, or with `follow` when the signal is aborted. */
  logs(containerId: string, request: LogRequest): AsyncIterable<RuntimeLogLine>;
  /**
   * Writes to the standard input of the copy of that epoch and of no other; resolves once all of it is there, read or not. Rejects
   * with InputFault: when that copy does not run or has no input, or when it takes nothing within the runtime's bound (some of it
   * may be written then).
   */
  input(containerId: string, epoch: bigint, data: Uint8Array): Promise<void>;
  /**
   * What the terminal of the copy that runs shows from the first piece on, which has no bytes; ends with that copy or when the signal is
   * aborted. A reader that is slow misses some and holds nobody up. Rejects with InputFault: not_running, no_terminal.
   */
  terminal(containerId: string, signal: AbortSignal): AsyncIterable<TerminalPiece>;
  /** Gives the terminal of the copy of that epoch a size. Rejects with InputFault: not_running, stale_epoch, no_terminal. */
  resize(containerId: string, epoch: bigint, size: TerminalSize): Promise<void>;
  /** Calls back whenever a copy has ended or may have changed; a listener then inspects it. */
  onChange(listener: (containerId: string) => void): () => void;
  /** Lets go of the engine; what runs goes on. */
  close(): Promise<void>;
};
