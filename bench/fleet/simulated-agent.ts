import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { backOffMs, dialLimits } from "@lormas/agent/session/back-off.ts";
import { membershipFrom } from "@lormas/agent/session/wire-membership.ts";
import {
  type Ack,
  AgentService,
  AttachSchema,
  CommandResultSchema,
  type CommandsRequest,
  CommandsRequestSchema,
  CommandsResponseSchema,
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  HeartbeatResponseSchema,
  HeartbeatSchema,
  type Hello,
  HelloSchema,
  InventorySchema,
  type Welcome,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import {
  type AgentLease,
  ackReceived,
  confirmation,
  heartbeatSent,
  membershipAdopted,
  noLease,
} from "@lormas/lease/agent-lease.ts";
import { FrameReader, framed } from "./grpc-frames.ts";

/** The name in a coordinator's certificate. */
const AUTHORITY = "lormas-coordinator";
/** As agents do: a coordinator that does not welcome is dialled anew. */
const WELCOME_MS = 5_000;

export type AgentParts = {
  readonly nodeId: string;
  readonly host: string;
  readonly port: number;
  /** A coordinator bounds what one address may open; a fleet has an address a node. */
  readonly localAddress: string;
  /** Trusts the fleet's authority and shows this node's certificate. */
  readonly secureContext: SecureContext;
  readonly told: AgentListener;
};

/** What is counted of agents. */
export type AgentListener = {
  /** The connection is lost, or did not come about; it is dialled again. */
  lost(reason: string): void;
  sent(): void;
  /** The first of a connection that answers is the one from which on the node counts as served. */
  acknowledged(tookMs: number, first: boolean): void;
};

/**
 * One agent as the coordinator sees it: a TLS connection with its own certificate, a heartbeat and a command stream, a truthful
 * lease. It runs nothing, answers every command at once with success, and dials as an agent does that runs HA containers. It speaks gRPC over
 * Node's own HTTP/2, so that thousands of them leave the machine to what is measured.
 */
export class SimulatedAgent {
  readonly #parts: AgentParts;
  readonly #incarnation = randomUUID();
  readonly #bornMs = performance.now();
  #lease: AgentLease;
  #session = 0n;
  #sequence = 0n;
  #attempt = 0;
  #socket: Socket | null = null;
  #connection: ClientHttp2Session | null = null;
  #beats: ClientHttp2Stream | null = null;
  #welcomed = false;
  #served = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#lease = noLease(parts.nodeId);
  }

  /** True from the first acknowledgement of the present connection. */
  get served(): boolean {
    return this.#served;
  }

  dial(): void {
    if (this.#socket) return;
    const { host, port, localAddress } = this.#parts;
    const socket = connectTcp({ host, port, localAddress, noDelay: true });
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(socket, `no Welcome within ${WELCOME_MS} ms`), WELCOME_MS);
    socket.on("error", (error) => this.#lost(socket, error.message));
    socket.on("close", () => this.#lost(socket, "the connection was closed"));
    // TLS and HTTP/2 only then: a dial that is refused, thousands of times while a coordinator is away, costs next to nothing.
    socket.once("connect", () => {
      if (this.#socket === socket) this.#speak(socket);
    });
  }

  /** Sends one heartbeat, when there is somebody to send it to. */
  beat(): void {
    if (!this.#welcomed || this.#beats === null) return;
    const nowMs = performance.now();
    this.#sequence += 1n;
    const { heldForMs, remainingMs } = confirmation(this.#lease, nowMs);
    this.#lease = heartbeatSent(this.#lease, this.#sequence, nowMs);
    const value = create(HeartbeatSchema, {
      sequence: this.#sequence,
      session: this.#session,
      usage: { cpuMillis: 120, memoryBytes: 900n << 20n, diskBytes: 3n << 30n },
      heldForMs: Math.round(heldForMs),
      remainingMs: Math.round(remainingMs),
      lastAckSeen: this.#lease.lastAckSeen,
      guarded: true,
      runtimeReady: true,
      membershipEpoch: BigInt(this.#lease.membership?.epoch ?? 0),
      elapsedMs: BigInt(Math.round(nowMs - this.#bornMs)),
    });
    this.#sendBeat({ case: "heartbeat", value });
    this.#parts.told.sent();
  }

  #speak(socket: Socket): void {
    const tls = { socket, secureContext: this.#parts.secureContext, servername: AUTHORITY, ALPNProtocols: ["h2"] };
    const connection = connectHttp2(`https://${AUTHORITY}`, { createConnection: () => connectTls(tls) });
    this.#connection = connection;
    connection.on("error", (error) => this.#lost(socket, error.message));
    this.#beats = this.#open(socket, connection, "Heartbeat", (bytes) => {
      const { message } = fromBinary(HeartbeatResponseSchema, bytes);
      if (message.case === "welcome") this.#onWelcome(socket, connection, message.value);
      else if (message.case === "ack") this.#onAck(message.value);
    });
    this.#sendBeat({ case: "hello", value: this.#hello() });
  }

  #hello(): Hello {
    const { localAddress } = this.#parts;
    return create(HelloSchema, {
      incarnation: this.#incarnation,
      agentVersion: "bench",
      session: this.#session,
      address: localAddress,
      runtime: "simulated",
      capacity: { cpuMillis: 4_000, memoryBytes: 8n << 30n, diskBytes: 1n << 40n },
      architecture: "amd64",
      platform: "bench",
      portPoolMin: 20_000,
      portPoolMax: 29_999,
      guarded: true,
      peerAddress: `${localAddress}:7446`,
    });
  }

  #onWelcome(socket: Socket, connection: ClientHttp2Session, welcome: Welcome): void {
    const membership = membershipFrom(welcome.membership);
    if (typeof membership === "string") return this.#lost(socket, membership);
    clearTimeout(this.#timer);
    this.#session = welcome.session;
    this.#lease = membershipAdopted({ ...this.#lease, sent: [] }, membership, performance.now());
    this.#welcomed = true;
    const commands = this.#open(socket, connection, "Commands", (bytes) => {
      const { message } = fromBinary(CommandsResponseSchema, bytes);
      if (message.case === "attached") {
        send(commands, { case: "inventory", value: create(InventorySchema, { session: this.#session }) });
      } else if (message.case === "command") {
        const { commandId } = message.value;
        send(commands, { case: "result", value: create(CommandResultSchema, { commandId, ok: true, tookMs: 1n }) });
      }
    });
    const attach = create(AttachSchema, { incarnation: this.#incarnation, session: this.#session });
    send(commands, { case: "attach", value: attach });
    this.beat();
  }

  #onAck(ack: Ack): void {
    const nowMs = performance.now();
    const answered = this.#lease.sent.find(({ sequence }) => sequence === ack.sequence);
    this.#lease = ackReceived(this.#lease, ack.sequence, nowMs);
    const membership = ack.membership ? membershipFrom(ack.membership) : null;
    if (membership !== null && typeof membership !== "string") {
      this.#lease = membershipAdopted(this.#lease, membership, nowMs);
    }
    const first = !this.#served;
    this.#served = true;
    this.#attempt = 0;
    if (answered) this.#parts.told.acknowledged(nowMs - answered.sentMs, first);
  }

  #open(
    socket: Socket,
    connection: ClientHttp2Session,
    method: string,
    onMessage: (bytes: Buffer) => void,
  ): ClientHttp2Stream {
    const stream = connection.request(
      {
        ":method": "POST",
        ":path": `/${AgentService.typeName}/${method}`,
        "content-type": "application/grpc",
        te: "trailers",
      },
      { endStream: false },
    );
    const reader = new FrameReader();
    stream.on("data", (chunk: Buffer) => {
      for (const bytes of reader.push(chunk)) onMessage(bytes);
    });
    stream.on("error", (error) => this.#lost(socket, error.message));
    // A refusal comes with the first headers, an end with the last.
    const ended = (headers: IncomingHttpHeaders): void => {
      if (headers["grpc-status"] !== undefined) this.#lost(socket, `${method}: ${String(headers["grpc-message"])}`);
    };
    stream.on("response", ended);
    stream.on("trailers", ended);
    stream.on("close", () => this.#lost(socket, `${method} was closed`));
    return stream;
  }

  #sendBeat(message: HeartbeatRequest["message"]): void {
    this.#beats?.write(framed(toBinary(HeartbeatRequestSchema, create(HeartbeatRequestSchema, { message }))));
  }

  #lost(socket: Socket, reason: string): void {
    if (this.#socket !== socket) return; // Its end was told already.
    this.#socket = null;
    this.#beats = null;
    this.#welcomed = false;
    this.#served = false;
    clearTimeout(this.#timer);
    this.#connection?.destroy();
    this.#connection = null;
    socket.destroy();
    this.#parts.told.lost(reason);
    const limits = dialLimits(this.#lease.membership?.policy.leaseMs ?? null, true);
    this.#timer = setTimeout(() => this.dial(), backOffMs(this.#attempt, Math.random(), limits));
    this.#attempt += 1;
  }
}

function send(commands: ClientHttp2Stream, message: CommandsRequest["message"]): void {
  commands.write(framed(toBinary(CommandsRequestSchema, create(CommandsRequestSchema, { message }))));
}
