import type { TLSSocket } from "node:tls";
import type { Message } from "@bufbuild/protobuf";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import {
  AgentService,
  type CommandsRequest,
  type CommandsResponse,
  EnrolmentService as EnrolmentServiceDesc,
  type EnrolRequest,
  type EnrolResponse,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type PushLogsRequest,
  type PushLogsResponse,
  type RenewCertificateRequest,
  type RenewCertificateResponse,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { AnswerWrapper } from "./agent-answer.ts";
import { AgentConnections, type ConnectionParts } from "./agent-connections.ts";
import { boundedService } from "./bounded-service.ts";
import type { CertificateService } from "./certificate-service.ts";
import type { CommandService } from "./command-service.ts";
import type { EnrolmentService } from "./enrolment-service.ts";
import type { HeartbeatService } from "./heartbeat-service.ts";
import type { LogService } from "./log-service.ts";
import type { NodePeer } from "./node-peer.ts";
import type { PeerCall, PeerGate } from "./peer-gate.ts";
import type { IssuedServerCertificate } from "./pki/certificate-authority.ts";
import type { PlaneLimits } from "./plane-limits.ts";
import type { PlaneLog } from "./plane-log.ts";
import { type RpcStatus, toRpcStatus } from "./rpc-status.ts";

/** Bytes of one message, by method; the general bound holds as well. */
const ENROLMENT_BYTES = { enrol: 16 << 10 };
const AGENT_BYTES = {
  heartbeat: 16 << 10,
  commands: 4 << 20,
  pushLogs: 1 << 20,
  renewCertificate: 16 << 10,
};
/** What a connection that nobody has identified may send at once. */
const UNIDENTIFIED_STREAMS_MAX = 4;
const UNIDENTIFIED_MESSAGE_BYTES_MAX = 32 << 10;

export type AgentServerParts = Omit<ConnectionParts, "identified" | "unidentified"> & {
  readonly gate: PeerGate;
  readonly enrolment: EnrolmentService;
  readonly heartbeats: HeartbeatService;
  readonly commands: CommandService;
  readonly logs: LogService;
  readonly certificates: CertificateService;
  readonly log: PlaneLog;
  readonly wrapStream: <Stream extends object>(stream: Stream) => Stream;
  readonly wrapAnswer: AnswerWrapper;
};

/** The agent plane's gRPC over one port: a full server for nodes, and a narrow one for those that want to become nodes. */
export class AgentServer {
  readonly connections: AgentConnections;
  readonly #parts: AgentServerParts;
  readonly #servers: readonly Server[];

  constructor(parts: AgentServerParts, certificate: IssuedServerCertificate) {
    this.#parts = parts;
    const { limits } = parts;
    const nodes = new Server(channelOptions(limits, limits.streamsPerConnectionMax, limits.messageBytesMax));
    const door = new Server(channelOptions(limits, UNIDENTIFIED_STREAMS_MAX, UNIDENTIFIED_MESSAGE_BYTES_MAX));
    this.#servers = [nodes, door];
    this.#serve(nodes, (call) => parts.gate.admit(call));
    this.#serve(door, async (call) => {
      const { counter, reason } = this.connections.reasonOf(call.getPeer());
      throw parts.gate.refuse(counter, call.getPeer(), reason);
    });
    // The connections come with their TLS done, so to grpc-js they are plain.
    const injectors = [nodes, door].map((server) =>
      server.createConnectionInjector(ServerCredentials.createInsecure()),
    );
    const inject = (index: number) => (socket: TLSSocket) => injectors[index]?.injectConnection(socket);
    this.connections = new AgentConnections({ ...parts, identified: inject(0), unidentified: inject(1) }, certificate);
  }

  /** Cuts everything that is open and frees the port. */
  async stop(): Promise<void> {
    await this.connections.close();
    for (const server of this.#servers) server.forceShutdown();
  }

  #serve(server: Server, admit: (call: PeerCall) => Promise<NodePeer>): void {
    const { enrolment, heartbeats, commands, logs, certificates, wrapStream, wrapAnswer } = this.#parts;
    server.addService(boundedService(EnrolmentServiceDesc, ENROLMENT_BYTES), {
      enrol: (call: ServerUnaryCall<EnrolRequest, EnrolResponse>, answer: sendUnaryData<EnrolResponse>) =>
        this.#answer("Enrol", call, wrapAnswer("enrol", answer), () => enrolment.enrol(call.request, call.getPeer())),
    });
    server.addService(boundedService(AgentService, AGENT_BYTES), {
      heartbeat: (call: ServerDuplexStream<HeartbeatRequest, HeartbeatResponse>) =>
        this.#stream(call, admit, (peer) => heartbeats.handle(wrapStream(call), peer)),
      commands: (call: ServerDuplexStream<CommandsRequest, CommandsResponse>) =>
        this.#stream(call, admit, (peer) => commands.handle(wrapStream(call), peer)),
      pushLogs: (
        call: ServerReadableStream<PushLogsRequest, PushLogsResponse>,
        answer: sendUnaryData<PushLogsResponse>,
      ) =>
        void admit(call).then(
          (peer) => logs.handle(call, wrapAnswer("pushLogs", answer), peer),
          (error: unknown) => answer(this.#statusOf("PushLogs", call, error)),
        ),
      renewCertificate: (
        call: ServerUnaryCall<RenewCertificateRequest, RenewCertificateResponse>,
        answer: sendUnaryData<RenewCertificateResponse>,
      ) =>
        this.#answer("RenewCertificate", call, wrapAnswer("renewCertificate", answer), async () =>
          certificates.renew(call.request, await admit(call)),
        ),
    });
  }

  #stream<In extends Message, Out extends Message>(
    call: ServerDuplexStream<In, Out>,
    admit: (call: PeerCall) => Promise<NodePeer>,
    handle: (peer: NodePeer) => void,
  ): void {
    // grpc-js ends a stream with a status by the error event; nothing is read before the peer is admitted.
    admit(call).then(handle, (error: unknown) => {
      call.emit("error", this.#statusOf(call.getPath(), call, error));
      call.resume();
    });
  }

  #answer<Out>(name: string, call: PeerCall, answer: sendUnaryData<Out>, work: () => Promise<Out>): void {
    work().then(
      (response) => answer(null, response),
      (error: unknown) => answer(this.#statusOf(name, call, error)),
    );
  }

  #statusOf(name: string, call: PeerCall, error: unknown): RpcStatus {
    const answer = toRpcStatus(error);
    if (answer !== error) {
      this.#parts.log.error({ call: name, remote: call.getPeer(), err: error }, "a call of the agent plane failed");
    }
    return answer;
  }
}

function channelOptions(limits: PlaneLimits, streamsMax: number, messageBytesMax: number) {
  return {
    "grpc.keepalive_time_ms": limits.keepaliveTimeMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.max_connection_idle_ms": limits.idleMs,
    "grpc.max_concurrent_streams": streamsMax,
    "grpc.max_receive_message_length": messageBytesMax,
    // Its books cost memory a connection and nobody reads them.
    "grpc.enable_channelz": 0,
  };
}
