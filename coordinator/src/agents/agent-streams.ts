import { create } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import {
  type Command,
  type CommandsRequest,
  type CommandsResponse,
  CommandsResponseSchema,
  type ConsoleResult,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type PushLogsRequest,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { FairShare } from "@lormas/wire/fair-share.ts";
import { Refusal } from "../domain/refusal.ts";
import type {
  AgentLink,
  AgentLogLine,
  AgentTerminalOutput,
  ConsoleInput,
  OutboundCommand,
  TerminalResize,
} from "../runtime/agent-link.ts";
import type { Clock } from "../runtime/clock.ts";
import type { AgentStream } from "./agent-stream.ts";
import { ConsoleInputs } from "./console-inputs.ts";
import { LogReading } from "./log-reading.ts";
import { NodeInbox } from "./node-inbox.ts";
import type { NodePeer } from "./node-peer.ts";
import type { PlaneCounters } from "./plane-counters.ts";
import type { PlaneLimits } from "./plane-limits.ts";
import type { RandomSource } from "./random-source.ts";
import { RpcStatus, unavailable } from "./rpc-status.ts";
import { logBatchOf, terminalOutputOf } from "./wire-mapping.ts";

export type HeartbeatStream = AgentStream<HeartbeatRequest, HeartbeatResponse>;
export type CommandStream = AgentStream<CommandsRequest, CommandsResponse>;

/** A command stream whose Attach has been read. */
export type Attachment = {
  readonly stream: CommandStream;
  readonly incarnation: string;
  /** Commands that came while the intake was deciding; they follow the Attached message. Null once attached. */
  held: CommandsResponse[] | null;
  /** Set once a command found no room; until there is some again. */
  roomWanted: boolean;
};

/** The words of Hello.features without which an agent is sent no input, or asked for no terminal. */
const CONSOLE_FEATURE = "console";
const TERMINAL_FEATURE = "terminal";
const NO_TERMINALS = ["no_terminal", "terminals"] as const;
/** The word without which an agent is asked for no renewal. */
const AUTHORITIES_FEATURE = "authorities";

type NodeStreams = {
  served: string | null;
  /** What its agent says that it can. */
  features: readonly string[];
  heartbeat: HeartbeatStream | null;
  attached: Attachment | null;
  readonly attaching: Set<Attachment>;
  readonly inbox: NodeInbox;
  readonly readings: Map<string, LogReading>;
  readonly readingShares: FairShare;
  readonly inputs: ConsoleInputs;
};

/** A stream that was ended has this long to go; then its connection is cut. */
const CUT_AFTER_MS = 1_000;
/** After a full stream was drained, before more is sent. */
const ROOM_PAUSE_MS = 5;

/**
 * The streams of every node: at most one heartbeat stream and one command stream are served each, those of the
 * incarnation that the intake accepted last. What the runtime asks of the plane (AgentLink) is answered from here.
 */
export class AgentStreams implements AgentLink {
  readonly #nodes = new Map<string, NodeStreams>();
  readonly #limits: PlaneLimits;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #counters: PlaneCounters;
  /** A command as its agent reads it; null for one that cannot be said. */
  readonly #worded: (nodeId: string, command: OutboundCommand) => Command | null;
  /** Cuts the connection that a peer speaks on. */
  readonly #cut: (peer: NodePeer) => void;
  #roomCame: (nodeId: string) => void = () => {};

  constructor(
    limits: PlaneLimits,
    clock: Clock,
    random: RandomSource,
    counters: PlaneCounters,
    worded: (nodeId: string, command: OutboundCommand) => Command | null,
    cut: (peer: NodePeer) => void,
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#random = random;
    this.#counters = counters;
    this.#worded = worded;
    this.#cut = cut;
  }

  /** The peers with open streams, at least one entry a stream. */
  peers(): NodePeer[] {
    return [...this.#nodes.values()].flatMap((node) =>
      [node.heartbeat, node.attached?.stream].flatMap((stream) => (stream ? [stream.peer] : [])),
    );
  }

  /** Streams that are open now. */
  open(): { heartbeat: number; commands: number; readings: number } {
    const nodes = [...this.#nodes.values()];
    return {
      heartbeat: nodes.filter((node) => node.heartbeat !== null).length,
      commands: nodes.filter((node) => node.attached !== null).length,
      readings: nodes.reduce((sum, node) => sum + node.readings.size, 0),
    };
  }

  inbox(nodeId: string): NodeInbox {
    return this.#node(nodeId).inbox;
  }

  /** The intake has accepted a Hello: this incarnation is served, and this stream is its heartbeat stream. */
  serve(stream: HeartbeatStream, incarnation: string, features: readonly string[]): void {
    const node = this.#node(stream.peer.nodeId);
    const older = node.heartbeat;
    node.served = incarnation;
    node.features = features;
    if (older !== null) this.#replace(older);
    for (const attachment of [...node.attaching, ...(node.attached ? [node.attached] : [])]) {
      if (attachment.incarnation !== incarnation) this.#replace(attachment.stream);
    }
    if (stream.closed) return this.#tidy(stream.peer.nodeId);
    node.heartbeat = stream;
    stream.onClosed(() => {
      if (node.heartbeat === stream) node.heartbeat = null;
      this.#tidy(stream.peer.nodeId);
    });
  }

  /** An Attach has been read: from here on commands are held for this stream until the intake has decided. */
  beginAttach(stream: CommandStream, incarnation: string): Attachment {
    const nodeId = stream.peer.nodeId;
    const node = this.#node(nodeId);
    const attachment: Attachment = { stream, incarnation, held: [], roomWanted: false };
    node.attaching.add(attachment);
    stream.onClosed(() => {
      node.attaching.delete(attachment);
      if (node.attached === attachment) {
        node.attached = null;
        const gone = agentGone(stream.peer.nodeName);
        for (const reading of node.readings.values()) if (!reading.opened) reading.finish(gone);
        node.inputs.drop(gone.message);
      }
      this.#tidy(nodeId);
    });
    return attachment;
  }

  /** The intake has accepted an Attach: `first` goes out, then what was held; an older stream is ended. */
  completeAttach(attachment: Attachment, first: CommandsResponse): void {
    const { stream } = attachment;
    if (!stream.open) return;
    const node = this.#node(stream.peer.nodeId);
    const held = attachment.held ?? [];
    attachment.held = null;
    node.attaching.delete(attachment);
    if (node.served !== null && node.served !== attachment.incarnation) return this.#replace(stream);
    const older = node.attached;
    node.attached = attachment;
    if (older !== null) this.#replace(older.stream);
    stream.write(first);
    for (const message of held) stream.write(message);
  }

  sendCommand(nodeId: string, command: OutboundCommand): boolean {
    const value = this.#worded(nodeId, command);
    // Its deadline comes as it does for an agent that does not answer; what is behind it goes on.
    if (value === null) return true;
    const sent = this.#send(nodeId, create(CommandsResponseSchema, { message: { case: "command", value } }));
    this.#counters.add(sent ? "commands_sent" : "commands_unsent");
    return sent;
  }

  onRoom(callback: (nodeId: string) => void): void {
    this.#roomCame = callback;
  }

  disconnect(nodeId: string, reason: string): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    const streams = [node.heartbeat, node.attached?.stream, ...[...node.attaching].map((one) => one.stream)];
    for (const stream of streams) {
      if (stream) this.#end(stream, unavailable(`${reason}: dial again`), "streams_disconnected");
    }
    for (const reading of node.readings.values()) {
      reading.finish(new Refusal("busy", reason, "try again once the node is back", { retryAfterMs: 1_000 }));
    }
  }

  /** disconnect() for every node. */
  disconnectAll(reason: string): void {
    for (const nodeId of [...this.#nodes.keys()]) this.disconnect(nodeId, reason);
  }

  /** The reading that a PushLogs stream of this node may serve; null when there is none. */
  reading(nodeId: string, logId: string): LogReading | null {
    return this.#nodes.get(nodeId)?.readings.get(logId) ?? null;
  }

  readLogs(
    nodeId: string,
    request: { containerId: string; tailLines: number; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<readonly AgentLogLine[]> {
    return this.#read(nodeId, { ...request, terminal: false }, logBatchOf, signal);
  }

  async *readTerminal(
    nodeId: string,
    containerId: string,
    signal: AbortSignal,
  ): AsyncGenerator<AgentTerminalOutput, void, undefined> {
    this.#requireFeature(nodeId, TERMINAL_FEATURE);
    const request = { containerId, tailLines: 0, follow: true, terminal: true };
    yield* this.#read(nodeId, request, terminalOutputOf, signal);
  }

  async *#read<Batch>(
    nodeId: string,
    request: { containerId: string; tailLines: number; follow: boolean; terminal: boolean },
    batchOf: (message: PushLogsRequest) => Batch | null,
    signal: AbortSignal,
  ): AsyncGenerator<Batch, void, undefined> {
    if (signal.aborted) return;
    const node = this.#node(nodeId);
    const logId = this.#random.uuid();
    const { containerId } = request;
    const full = node.readingShares.take(containerId);
    if (full !== null) {
      const whose = full.full === "holder" ? "of this container" : "on its node";
      throw busy(`${full.taken} readings of logs and terminals ${whose} are open already`, "close one or try again");
    }
    const reading = new LogReading(logId, this.#limits.readingBatchesMax, batchOf);
    const open = create(CommandsResponseSchema, { message: { case: "openLogs", value: { logId, ...request } } });
    node.readings.set(logId, reading);
    const abort = (): void => reading.stop();
    signal.addEventListener("abort", abort, { once: true });
    const cancelTimeout = this.#clock.schedule(this.#limits.readingOpenMs, () => {
      if (!reading.opened) reading.finish(busy("the agent has not opened the logs in time", "try again"));
    });
    try {
      if (node.attached === null || !this.#send(nodeId, open)) throw notAttached();
      this.#counters.add("log_readings_opened");
      for (let batch = await reading.next(); batch !== null; batch = await reading.next()) yield batch;
    } finally {
      cancelTimeout();
      signal.removeEventListener("abort", abort);
      const over = reading.over && !signal.aborted;
      reading.stop();
      node.readings.delete(logId);
      node.readingShares.giveBack(containerId);
      if (!over) {
        this.#send(nodeId, create(CommandsResponseSchema, { message: { case: "closeLogs", value: { logId } } }));
      }
      this.#tidy(nodeId);
    }
  }

  async sendInput(nodeId: string, { containerId, epoch, data }: ConsoleInput): Promise<void> {
    this.#requireFeature(nodeId, CONSOLE_FEATURE);
    await this.#ask(nodeId, containerId, (inputId) => {
      const value = { inputId, containerId, epoch: BigInt(epoch), data: Uint8Array.from(data) };
      return create(CommandsResponseSchema, { message: { case: "consoleInput", value } });
    });
  }

  async resizeTerminal(nodeId: string, { containerId, epoch, rows, columns }: TerminalResize): Promise<void> {
    this.#requireFeature(nodeId, TERMINAL_FEATURE);
    await this.#ask(nodeId, containerId, (resizeId) => {
      const value = { resizeId, containerId, epoch: BigInt(epoch), rows, columns };
      return create(CommandsResponseSchema, { message: { case: "consoleResize", value } });
    });
  }

  /** Refuses what the agent that is attached does not know. */
  #requireFeature(nodeId: string, feature: typeof CONSOLE_FEATURE | typeof TERMINAL_FEATURE): void {
    const node = this.#nodes.get(nodeId);
    if (!node?.attached || node.features.includes(feature)) return;
    const { nodeName } = node.attached.stream.peer;
    const [code, what] = feature === CONSOLE_FEATURE ? (["no_input", "the console"] as const) : NO_TERMINALS;
    throw new Refusal(code, `the agent of node ${nodeName} is older than ${what}`, "update that agent");
  }

  async #ask(nodeId: string, containerId: string, messageOf: (inputId: string) => CommandsResponse): Promise<void> {
    const node = this.#node(nodeId);
    const inputId = this.#random.uuid();
    const message = messageOf(inputId);
    try {
      // Down the one stream that is attached, and never again: an input must not reach its process twice.
      await node.inputs.ask(containerId, inputId, () => {
        const stream = node.attached?.stream;
        if (!stream?.open || stream.waiting >= this.#limits.commandsBufferedMax) return false;
        stream.write(message);
        return true;
      });
    } finally {
      this.#tidy(nodeId);
    }
  }

  /** Asks a node for a renewal of its certificate; false: it has no command stream, or its agent does not know of that. */
  askToRenew(nodeId: string, withinMs: number): boolean {
    const node = this.#nodes.get(nodeId);
    const stream = node?.attached?.stream;
    if (!stream?.open || !node?.features.includes(AUTHORITIES_FEATURE)) return false;
    if (stream.waiting >= this.#limits.commandsBufferedMax) return false;
    stream.write(create(CommandsResponseSchema, { message: { case: "renewSoon", value: { withinMs } } }));
    return true;
  }

  /** An agent tells what became of an input. */
  inputAnswered(nodeId: string, result: ConsoleResult): void {
    this.#nodes.get(nodeId)?.inputs.answered(result);
  }

  /** Ends a stream with a status; if it does not go, because the agent reads nothing, its connection is cut. */
  fail(stream: HeartbeatStream | CommandStream, reason: RpcStatus): void {
    if (!stream.open) return;
    stream.fail(reason);
    const cancel = this.#clock.schedule(CUT_AFTER_MS, () => {
      if (!stream.closed) this.#cut(stream.peer);
    });
    stream.onClosed(cancel);
  }

  #end(
    stream: HeartbeatStream | CommandStream,
    reason: RpcStatus,
    counter: "streams_disconnected" | "streams_replaced",
  ) {
    if (!stream.open) return;
    this.#counters.add(counter);
    this.fail(stream, reason);
  }

  #replace(stream: HeartbeatStream | CommandStream): void {
    const text = `a newer stream of node ${stream.peer.nodeName} has taken the place of this one`;
    this.#end(stream, new RpcStatus(status.ABORTED, text), "streams_replaced");
  }

  #send(nodeId: string, message: CommandsResponse): boolean {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return false;
    const max = this.#limits.commandsBufferedMax;
    let sent = false;
    // To every stream that may turn out to be the agent's: it drops a command that it has seen.
    for (const { held } of node.attaching) {
      if (held === null || held.length >= max) continue;
      held.push(message);
      sent = true;
    }
    const { attached } = node;
    if (attached?.stream.open) {
      if (attached.stream.waiting < max) {
        attached.stream.write(message);
        sent = true;
      } else this.#wantRoom(nodeId, attached);
    }
    return sent;
  }

  #wantRoom(nodeId: string, attachment: Attachment): void {
    if (attachment.roomWanted) return;
    attachment.roomWanted = true;
    attachment.stream.onDrain(() =>
      this.#clock.schedule(ROOM_PAUSE_MS, () => {
        attachment.roomWanted = false;
        if (attachment.stream.open) this.#roomCame(nodeId);
      }),
    );
  }

  #node(nodeId: string): NodeStreams {
    let node = this.#nodes.get(nodeId);
    if (node === undefined) {
      node = {
        served: null,
        features: [],
        heartbeat: null,
        attached: null,
        attaching: new Set(),
        inbox: new NodeInbox(this.#limits.inboxMax),
        readings: new Map(),
        readingShares: new FairShare(this.#limits.readings),
        inputs: new ConsoleInputs(this.#limits, this.#clock),
      };
      this.#nodes.set(nodeId, node);
    }
    return node;
  }

  /** Forgets a node that has nothing open any more. */
  #tidy(nodeId: string): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || node.heartbeat !== null || node.attached !== null) return;
    if (node.attaching.size > 0 || node.readings.size > 0 || node.inputs.size > 0) return;
    if (node.inbox.idle) this.#nodes.delete(nodeId);
    else node.inbox.onIdle(() => this.#tidy(nodeId));
  }
}

function busy(message: string, nextStep: string): Refusal {
  return new Refusal("busy", message, nextStep, { retryAfterMs: 1_000 });
}

function notAttached(): Refusal {
  return busy("the node has no open command stream", "try again once it is connected");
}

/** What a reader is told when the agent's stream has gone. */
export function agentGone(nodeName: string): Refusal {
  return busy(`node ${nodeName} has gone away`, "try again once it is connected");
}
