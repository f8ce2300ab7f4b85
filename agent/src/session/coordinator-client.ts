import {
  type ChannelOptions,
  type ClientWritableStream,
  credentials,
  makeClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  AgentService,
  type CommandsRequest,
  type CommandsResponse,
  EnrolmentService,
  type EnrolRequest,
  type EnrolResponse,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type PushLogsRequest,
  type PushLogsResponse,
  type RenewCertificateRequest,
  type RenewCertificateResponse,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { grpcService } from "@lormas/wire/grpc-service.ts";
import type { StreamCall } from "./stream-call.ts";

export type HeartbeatCall = StreamCall<HeartbeatRequest, HeartbeatResponse>;
export type CommandsCall = StreamCall<CommandsRequest, CommandsResponse>;
export type PushLogsCall = ClientWritableStream<PushLogsRequest>;

type Answer<T> = (error: ServiceError | null, response?: T) => void;

/** One connection to the coordinator's agent plane. */
export type CoordinatorClient = {
  heartbeat(): HeartbeatCall;
  commands(): CommandsCall;
  pushLogs(answer: Answer<PushLogsResponse>): PushLogsCall;
  renewCertificate(
    request: RenewCertificateRequest,
    options: { deadline: number },
    answer: Answer<RenewCertificateResponse>,
  ): unknown;
  close(): void;
};

/** The name in the coordinator's certificate, whatever address is dialled. */
const SERVER_NAME = "lormas-coordinator";

/** Messages from the coordinator above this are refused; a command is at most some hundred KiB. */
const MESSAGE_BYTES_MAX = 4 << 20;

/**
 * A channel whose first connection fails dials once more by itself after this, though it was closed at once, and keeps what
 * comes of it open (grpc-js 1.14: `unref` leaves a subchannel in TRANSIENT_FAILURE alone). With the second that it takes otherwise,
 * the refused dials of a whole second came to life together when the coordinator was back, and took every place of their node.
 */
const OWN_REDIAL_MS = 3_600_000;

const CHANNEL_OPTIONS: ChannelOptions = {
  "grpc.ssl_target_name_override": SERVER_NAME,
  "grpc.default_authority": SERVER_NAME,
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc.enable_retries": 0,
  // Every dial is a connection of its own: when to dial again is decided by the session's back-off, not by the channel.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.initial_reconnect_backoff_ms": OWN_REDIAL_MS,
  "grpc.max_reconnect_backoff_ms": OWN_REDIAL_MS,
  "grpc.service_config_disable_resolution": 1,
};

/** Opens a connection that trusts only the given CA and shows the node's certificate. */
export function coordinatorClient(
  hostPort: string,
  identity: { caPem: string; keyPem: string; certificatePem: string },
): CoordinatorClient {
  const Client = makeClientConstructor(grpcService(AgentService), "AgentService");
  const secure = credentials.createSsl(
    Buffer.from(identity.caPem),
    Buffer.from(identity.keyPem),
    Buffer.from(identity.certificatePem),
  );
  // makeClientConstructor types every method as unknown; the definition above is what makes this shape true.
  return new Client(hostPort, secure, CHANNEL_OPTIONS) as unknown as CoordinatorClient;
}

/** Exchanges a join token for a certificate; rejects with grpc-js's ServiceError. */
export function enrolCall(
  hostPort: string,
  caPem: string,
  request: EnrolRequest,
  deadline: number,
): Promise<EnrolResponse> {
  const Client = makeClientConstructor(grpcService(EnrolmentService), "EnrolmentService");
  const client = new Client(hostPort, credentials.createSsl(Buffer.from(caPem)), CHANNEL_OPTIONS);
  // As above: the definition makes this shape true.
  const enrol = (client as unknown as EnrolClient).enrol.bind(client);
  return new Promise<EnrolResponse>((resolve, reject) => {
    enrol(request, { deadline }, (error, response) =>
      error || !response ? reject(error ?? new Error("empty answer to Enrol")) : resolve(response),
    );
  }).finally(() => client.close());
}

type EnrolClient = {
  enrol(request: EnrolRequest, options: { deadline: number }, answer: Answer<EnrolResponse>): unknown;
};
