import { randomUUID } from "node:crypto";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { backOffMs, dialLimits } from "@lormas/agent/session/back-off.ts";
import { membershipFrom } from "@lormas/agent/session/wire-membership.ts";
import {
  type Ack,
  AgentService,
  type CommandsRequest,
  CommandsRequestSchema,
  CommandsResponseSchema,
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  HeartbeatResponseSchema,
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
const WELCOME_MS = 10_000;

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
  acknowledged(agent: SimulatedAgent, tookMs: number, first: boolean): void;
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
  #connection: ClientHttp2Session | null = null;
  #beats: ClientHttp2Stream | null = null;
  #welcomed = false;
  #served = false;
  #stopped = false;
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
    if (this.#stopped || this.#connection) return;
    const { host, port, localAddress, secureContext } = this.#parts;
    const connection = connectHttp2(`https://${AUTHORITY}`, {
      createConnection: () =>
        connectTls({
          socket: connectTcp({ host, port, localAddress, noDelay: true }),
          secureContext,
          servername: AUTHORITY,
          ALPNProtocols: ["h2"],
        }),
    });
    this.#connection = connection;
    const lost = (reason: string) => this.#lost(connection, reason);
    connection.on("error", (error) => lost(error.message));
    connection.on("close", () => lost("the connection was closed"));
    this.#timer = setTimeout(() => lost(`no Welcome within ${WELCOME_MS} ms`), WELCOME_MS);
    this.#beats = this.#open(connection, "Heartbeat", (bytes) => {
      const { message } = fromBinary(HeartbeatResponseSchema, bytes);
      if (message.case === "welcome") this.#onWelcome(connection, message.value);
      else if (message.case === "ack") this.#onAck(message.value);
    });
    this.#sendBeat({
      case: "hello",
      value: {
        $typeName: "lormas.agent.v1.Hello",
        incarnation: this.#incarnation,
        agentVersion: "bench",
        session: this.#session,
        address: localAddress,
        runtime: "simulated",
        capacity: {
          $typeName: "lormas.agent.v1.Resources",
          cpuMillis: 4_000,
          memoryBytes: 8n << 30n,
          diskBytes: 1n << 40n,
        },
        architecture: "amd64",
        platform: "bench",
        portPoolMin: 20_000,
        portPoolMax: 29_999,
        guarded: true,
        peerAddress: `${localAddress}:7446`,
      },
    });
  }

  /** Sends one heartbeat, when there is somebody to send it to. */
  beat(): void {
    if (!this.#welcomed || this.#beats === null) return;
    const nowMs = performance.now();
    this.#sequence += 1n;
    const { heldForMs, remainingMs } = confirmation(this.#lease, nowMs);
    this.#lease = heartbeatSent(this.#lease, this.#sequence, nowMs);
    this.#sendBeat({
      case: "heartbeat",
      value: {
        $typeName: "lormas.agent.v1.Heartbeat",
        sequence: this.#sequence,
        session: this.#session,
        usage: {
          $typeName: "lormas.agent.v1.Resources",
          cpuMillis: 120,
          memoryBytes: 900n << 20n,
          diskBytes: 3n << 30n,
        },
        heldForMs: Math.round(heldForMs),
        remainingMs: Math.round(remainingMs),
        lastAckSeen: this.#lease.lastAckSeen,
        guarded: true,
        runtimeReady: true,
        membershipEpoch: BigInt(this.#lease.membership?.epoch ?? 0),
        elapsedMs: BigInt(Math.round(nowMs - this.#bornMs)),
      },
    });
    this.#parts.told.sent();
  }

  /** Hangs up and stays away. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#connection?.destroy();
  }

  #onWelcome(connection: ClientHttp2Session, welcome: Welcome): void {
    const membership = membershipFrom(welcome.membership);
    if (typeof membership === "string") return this.#lost(connection, membership);
    clearTimeout(this.#timer);
    this.#session = welcome.session;
    this.#lease = membershipAdopted({ ...this.#lease, sent: [] }, membership, performance.now());
    this.#welcomed = true;
    const commands = this.#open(connection, "Commands", (bytes) => {
      const { message } = fromBinary(CommandsResponseSchema, bytes);
      if (message.case === "attached") {
        const inventory = { $typeName: "lormas.agent.v1.Inventory", session: this.#session, workloads: [] } as const;
        send(commands, { case: "inventory", value: { ...inventory, workloads: [] } });
      } else if (message.case === "command") {
        const { commandId } = message.value;
        const result = { $typeName: "lormas.agent.v1.CommandResult", commandId, ok: true } as const;
        send(commands, { case: "result", value: { ...result, errorCode: "", errorMessage: "", tookMs: 1n } });
      }
    });
    const attach = { $typeName: "lormas.agent.v1.Attach", incarnation: this.#incarnation } as const;
    send(commands, { case: "attach", value: { ...attach, session: this.#session } });
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
    if (answered) this.#parts.told.acknowledged(this, nowMs - answered.sentMs, first);
  }

  #open(connection: ClientHttp2Session, method: string, onMessage: (bytes: Buffer) => void): ClientHttp2Stream {
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
    stream.on("error", (error) => this.#lost(connection, error.message));
    stream.on("trailers", (trailers) => this.#lost(connection, `${method}: ${String(trailers["grpc-message"])}`));
    stream.on("close", () => this.#lost(connection, `${method} was closed`));
    return stream;
  }

  #sendBeat(message: HeartbeatRequest["message"]): void {
    this.#beats?.write(framed(toBinary(HeartbeatRequestSchema, create(HeartbeatRequestSchema, { message }))));
  }

  #lost(connection: ClientHttp2Session, reason: string): void {
    if (this.#connection !== connection) return; // Its end was told already.
    this.#connection = null;
    this.#beats = null;
    this.#welcomed = false;
    this.#served = false;
    clearTimeout(this.#timer);
    connection.destroy();
    if (this.#stopped) return;
    this.#parts.told.lost(reason);
    const limits = dialLimits(this.#lease.membership?.policy.leaseMs ?? null);
    this.#timer = setTimeout(() => this.dial(), backOffMs(this.#attempt, Math.random(), limits));
    this.#attempt += 1;
  }
}

function send(commands: ClientHttp2Stream, message: CommandsRequest["message"]): void {
  commands.write(framed(toBinary(CommandsRequestSchema, create(CommandsRequestSchema, { message }))));
}
