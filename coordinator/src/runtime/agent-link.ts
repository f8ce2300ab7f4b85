import type { WrappedKey } from "../domain/sealed-text.ts";
import type { PortAssignment, WorkloadSpec } from "../domain/workload.ts";

/** A committed command on its way to an agent. */
export type OutboundCommand = {
  readonly commandId: string;
  readonly term: number;
  readonly session: number;
  readonly containerId: string;
  readonly epoch: number;
  readonly timeoutMs: number;
  /** Of the request, or the decision without one, that it follows from; empty: decided before it was kept. */
  readonly requestId: string;
  readonly action: OutboundAction;
  /** What opens the secrets of its workload, put in when it is sent; absent or null where there are none. */
  readonly secretKey?: WrappedKey | null;
  /** The cluster of the node that it is sent to, put in when it is sent: whose logins for registries go along. */
  readonly clusterId?: string;
};

export type OutboundAction =
  | { readonly kind: "prepare" | "start" | "install"; readonly workload: OutboundWorkload }
  | { readonly kind: "stop"; readonly graceMs: number }
  | { readonly kind: "remove"; readonly removeVolumes: boolean };

export type OutboundWorkload = {
  readonly containerName: string;
  readonly ha: boolean;
  /** Its image by the digest that it is pinned to, where it is. */
  readonly spec: WorkloadSpec;
  /** The image is asked of its registry even where the node has it. */
  readonly askRegistry?: boolean;
  readonly ports: readonly PortAssignment[];
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
};

/** What the runtime asks of the agent plane. Nothing here waits: delivery is the outbox's business, by resending. */
export interface AgentLink {
  /**
   * Sends a command down the node's command stream. False when no stream of that node is attached, or its send buffer
   * is full: the command stays in the outbox and goes out once there is room, or after the next attach.
   */
  sendCommand(nodeId: string, command: OutboundCommand): boolean;
  /** Calls back with a node whose stream refused a command for want of room and can take some again. One listener. */
  onRoom(callback: (nodeId: string) => void): void;
  /** Ends the streams of a node: another incarnation took over, its certificate was revoked, this coordinator stepped down. */
  disconnect(nodeId: string, reason: string): void;
  /**
   * Reads a container's output. Yields batches of lines in order; ends when the agent has no more (not following) or
   * the signal aborts. Throws Refusal "busy" with a retry hint when the node has no command stream.
   */
  readLogs(
    nodeId: string,
    request: { containerId: string; tailLines: number; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<readonly AgentLogLine[]>;

  /**
   * Writes to the standard input of a container's copy, at most once; resolves when its process has it. Refusals: busy (no command
   * stream, the agent has not answered in time so that it is not known, or the process reads nothing), not_running, no_input.
   */
  sendInput(nodeId: string, input: ConsoleInput): Promise<void>;

  /**
   * What the terminal of a container shows, from its first piece on, which has no bytes; ends with the copy that runs, or when the
   * signal aborts. Refusals: busy (as readLogs), not_running, no_terminal.
   */
  readTerminal(nodeId: string, containerId: string, signal: AbortSignal): AsyncIterable<AgentTerminalOutput>;

  /** Gives the terminal of a container's copy a size. Refusals: busy, not_running, no_terminal. */
  resizeTerminal(nodeId: string, resize: TerminalResize): Promise<void>;
}

export type TerminalResize = {
  readonly containerId: string;
  /** Of the copy that is meant. */
  readonly epoch: number;
  /** 1 to 1,000 each. */
  readonly rows: number;
  readonly columns: number;
};

/** A piece of what a terminal shows, and the bytes before it that are left out. */
export type AgentTerminalOutput = { readonly bytes: Uint8Array<ArrayBuffer>; readonly skippedBytes: number };

export type ConsoleInput = {
  readonly containerId: string;
  /** Of the copy that is meant; no other one gets it. */
  readonly epoch: number;
  /** 1 to 4,096 bytes. */
  readonly data: Uint8Array;
};

/** atMs: when it was written, wall clock; null where the runtime does not know. */
export type AgentLogLine = {
  readonly atMs: number | null;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
};
