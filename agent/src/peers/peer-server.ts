import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import {
  type AskVoteRequest,
  AskVoteRequestSchema,
  type AskVoteResponse,
  AskVoteResponseSchema,
  PeerService,
} from "@lormas/gen/lormas/agent/v1/peer_pb.ts";
import { grpcService } from "@lormas/wire/grpc-service.ts";
import type { BootClock, WallClock } from "../clock/clock.ts";
import type { Credentials } from "../session/credentials.ts";
import type { HostPort } from "./peer-address.ts";
import { PeerConnections } from "./peer-connections.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { PeerAnswering } from "./peer-plane.ts";
import type { TroubleLog } from "./trouble-log.ts";

/** Questions that a connection may have open at once; an agent asks one after the other. */
const STREAMS_MAX = 4;

type Refusal = Pick<ServiceError, "code" | "details">;
/** How many questions a node may still ask, and since when that is so. */
type Credit = { readonly questions: number; readonly atMs: number };

const validator = createValidator();

/** Answers peers over gRPC: only what a node asks in its own name, of this node, and not too often. */
export class PeerServer {
  readonly #nodeId: string;
  readonly #limits: PeerLimits;
  readonly #clock: BootClock;
  readonly #troubles: TroubleLog;
  readonly #connections: PeerConnections;
  readonly #grpc: Server;
  /** By node; only of those that are connected. */
  readonly #credits = new Map<string, Credit>();
  #answering: PeerAnswering | null = null;

  constructor(options: {
    readonly credentials: Credentials;
    readonly limits: PeerLimits;
    readonly clock: BootClock;
    readonly wall: WallClock;
    readonly troubles: TroubleLog;
  }) {
    const { credentials, limits, clock, wall, troubles } = options;
    this.#nodeId = credentials.nodeId;
    this.#limits = limits;
    this.#clock = clock;
    this.#troubles = troubles;
    this.#grpc = new Server({
      "grpc.max_receive_message_length": limits.messageBytesMax,
      "grpc.max_send_message_length": limits.messageBytesMax,
      "grpc.max_concurrent_streams": STREAMS_MAX,
      "grpc.max_connection_idle_ms": limits.idleMs,
    });
    this.#grpc.addService(grpcService(PeerService), {
      askVote: (call: ServerUnaryCall<AskVoteRequest, AskVoteResponse>, answer: sendUnaryData<AskVoteResponse>) =>
        this.#askVote(call.request, call.getPeer(), answer),
    });
    // The connections come with their TLS done, so to grpc-js they are plain.
    const injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#connections = new PeerConnections(credentials, {
      limits,
      wall,
      troubles,
      proven: (socket) => injector.injectConnection(socket),
      gone: (nodeId) => this.#credits.delete(nodeId),
    });
  }

  /** Listens; resolves to the port that was taken. Rejects with Node's error. */
  listen(at: HostPort): Promise<number> {
    return this.#connections.listen(at);
  }

  serve(answering: PeerAnswering): void {
    this.#answering = answering;
  }

  renew(credentials: Credentials): void {
    this.#connections.renew(credentials);
  }

  /** Connections that are open. */
  get open(): number {
    return this.#connections.open;
  }

  async close(): Promise<void> {
    await this.#connections.close();
    this.#grpc.forceShutdown();
  }

  #askVote(request: AskVoteRequest, end: string, answer: sendUnaryData<AskVoteResponse>): void {
    const caller = this.#connections.nodeAt(end);
    const refusal = this.#refusal(request, caller);
    if (refusal || !this.#answering) {
      const { code, details } = refusal ?? {
        code: status.UNAVAILABLE,
        details: "this agent has just begun: ask again",
      };
      this.#troubles.say(`caller ${caller}`, `a peer's question was refused: ${details}`, { end });
      answer({ code, details });
      return;
    }
    const { incarnation, askedMs, ...said } = this.#answering({
      nodeId: request.nodeId,
      incarnation: request.incarnation,
      voterNodeId: request.voterNodeId,
      askedMs: Number(request.askedMs),
      membershipEpoch: Number(request.membershipEpoch),
    });
    answer(
      null,
      create(AskVoteResponseSchema, {
        ...said,
        incarnation,
        askedMs: BigInt(askedMs),
        membershipEpoch: BigInt(said.membershipEpoch),
      }),
    );
  }

  #refusal(request: AskVoteRequest, caller: string | null): Refusal | null {
    if (caller === null) return { code: status.UNAUTHENTICATED, details: "no node's certificate was shown" };
    if (!this.#takeCredit(caller)) {
      const details = `node ${caller} asks more than ${this.#limits.questionsPerSecondMax} times a second: ask less often`;
      return { code: status.RESOURCE_EXHAUSTED, details };
    }
    const checked = validator.validate(AskVoteRequestSchema, request);
    const isWhole = [request.askedMs, request.membershipEpoch].every((n) => n <= BigInt(Number.MAX_SAFE_INTEGER));
    if (checked.kind !== "valid" || !isWhole) {
      const reason = checked.kind === "valid" ? "a number is too large" : (checked.error?.message ?? "not valid");
      return { code: status.INVALID_ARGUMENT, details: `the question is refused: ${reason}` };
    }
    if (request.nodeId !== caller) {
      const details = `node ${caller} asks in the name of node ${request.nodeId}: each asks for itself`;
      return { code: status.PERMISSION_DENIED, details };
    }
    if (request.voterNodeId !== this.#nodeId) {
      const details = `this is node ${this.#nodeId}, not ${request.voterNodeId}: the voting group has an old address`;
      return { code: status.FAILED_PRECONDITION, details };
    }
    return null;
  }

  #takeCredit(nodeId: string): boolean {
    const max = this.#limits.questionsPerSecondMax;
    const nowMs = this.#clock.nowMs();
    const before = this.#credits.get(nodeId) ?? { questions: max, atMs: nowMs };
    const questions = Math.min(max, before.questions + ((nowMs - before.atMs) / 1_000) * max);
    const allowed = questions >= 1;
    this.#credits.set(nodeId, { questions: allowed ? questions - 1 : questions, atMs: nowMs });
    return allowed;
  }
}
