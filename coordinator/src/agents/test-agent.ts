import "reflect-metadata";
import { randomBytes, type webcrypto } from "node:crypto";
import type { Message } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientWritableStream,
  credentials,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  AgentService,
  type CommandsRequest,
  CommandsRequestSchema,
  type CommandsResponse,
  EnrolmentService,
  EnrolRequestSchema,
  type EnrolResponse,
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  type HeartbeatResponse,
  type PushLogsRequest,
  type PushLogsResponse,
  RenewCertificateRequestSchema,
  type RenewCertificateResponse,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { grpcService } from "@lormas/wire/grpc-service.ts";
import * as x509 from "@peculiar/x509";
import { systemClock } from "../runtime/system-clock.ts";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const AGENT = grpcService(AgentService);
const ENROLMENT = grpcService(EnrolmentService);

/** A random UUID for tests. */
export function testUuid(): string {
  const hex = randomBytes(16).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** Waits until a condition holds; rejects after withinMs with what was awaited. */
export async function eventually(what: string, holds: () => boolean, withinMs = 5_000): Promise<void> {
  const untilMs = systemClock.bootMs() + withinMs;
  while (!holds()) {
    if (systemClock.bootMs() > untilMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise<void>((resolve) => systemClock.schedule(2, resolve));
  }
}

/** A key and the request for a certificate of it. */
export async function certificateRequest(
  name = "anything",
  algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams = EC,
): Promise<{ keyPem: string; csr: Uint8Array<ArrayBuffer> }> {
  x509.cryptoProvider.set(crypto);
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
  });
  const keyPem = x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { keyPem, csr: new Uint8Array(request.rawData) };
}

export type Identity = { readonly keyPem: string; readonly certificatePem: string };

/** What a stream has brought and how it ended. */
export class StreamLog<Out> {
  readonly messages: Out[] = [];
  end: { code: number; details: string; error: ServiceError | null } | null = null;

  constructor(stream: NodeJS.EventEmitter) {
    stream.on("data", (message: Out) => this.messages.push(message));
    stream.on("error", (error: ServiceError) => {
      this.end ??= { code: error.code, details: error.details, error };
    });
    stream.on("end", () => {
      this.end ??= { code: 0, details: "", error: null };
    });
  }
}

/** An agent as the wire sees it: real TLS, real gRPC, nothing decided by itself. */
export class TestAgent {
  readonly client: Client;

  constructor(address: string, caPem: string, identity: Identity | null) {
    const trusted: ChannelCredentials = credentials.createSsl(
      Buffer.from(caPem),
      identity === null ? null : Buffer.from(identity.keyPem),
      identity === null ? null : Buffer.from(identity.certificatePem),
    );
    this.client = new Client(address, trusted, {
      "grpc.ssl_target_name_override": "lormas-coordinator",
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_send_message_length": -1,
      "grpc.enable_retries": 0,
    });
  }

  heartbeat(): Opened<HeartbeatRequest, HeartbeatResponse> {
    return this.#bidi("heartbeat");
  }

  commands(): Opened<CommandsRequest, CommandsResponse> {
    return this.#bidi("commands");
  }

  pushLogs(): { stream: ClientWritableStream<PushLogsRequest>; answer: Promise<PushLogsResponse> } {
    const method = methodOf(AGENT, "pushLogs");
    const answer = Promise.withResolvers<PushLogsResponse>();
    answer.promise.catch(() => {});
    const stream = this.client.makeClientStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      (error, value) => (error ? answer.reject(error) : answer.resolve(value as PushLogsResponse)),
    );
    return { stream: stream as ClientWritableStream<PushLogsRequest>, answer: answer.promise };
  }

  enrol(token: string, nodeName: string, csr: Uint8Array<ArrayBuffer>): Promise<EnrolResponse> {
    return this.#unary(ENROLMENT, "enrol", create(EnrolRequestSchema, { token, nodeName, csr, agentVersion: "1.0.0" }));
  }

  renew(csr: Uint8Array<ArrayBuffer>, trustedAuthorities: string[] = []): Promise<RenewCertificateResponse> {
    return this.#unary(AGENT, "renewCertificate", create(RenewCertificateRequestSchema, { csr, trustedAuthorities }));
  }

  close(): void {
    this.client.close();
  }

  #bidi<In, Out>(name: string): Opened<In, Out> {
    const method = methodOf(AGENT, name);
    const stream = this.client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
    ) as unknown as ClientDuplexStream<In, Out>; // grpc-js types a definition by Message, the caller knows which
    return { stream, log: new StreamLog<Out>(stream) };
  }

  #unary<Out>(service: ReturnType<typeof grpcService>, name: string, request: Message): Promise<Out> {
    const method = methodOf(service, name);
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        (error, value) => (error ? reject(error) : resolve(value as Out)),
      );
    });
  }
}

export type Opened<In, Out> = { readonly stream: ClientDuplexStream<In, Out>; readonly log: StreamLog<Out> };

function methodOf(service: ReturnType<typeof grpcService>, name: string) {
  const method = service[name];
  if (method === undefined) throw new Error(`no method ${name}`);
  return method;
}

/** A Hello as an agent on a small machine would send it. */
export function helloMessage(incarnation: string): HeartbeatRequest {
  return create(HeartbeatRequestSchema, {
    message: {
      case: "hello",
      value: {
        incarnation,
        agentVersion: "1.0.0",
        address: "127.0.1.1",
        runtime: "exec",
        capacity: { cpuMillis: 4_000, memoryBytes: 8n << 30n, diskBytes: 100n << 30n },
        architecture: "amd64",
        platform: "linux",
        portPoolMin: 20_000,
        portPoolMax: 20_999,
        guarded: true,
      },
    },
  });
}

export function heartbeatMessage(sequence: number): HeartbeatRequest {
  return create(HeartbeatRequestSchema, {
    message: { case: "heartbeat", value: { sequence: BigInt(sequence), session: 1n, runtimeReady: true } },
  });
}

export function attachMessage(incarnation: string): CommandsRequest {
  return create(CommandsRequestSchema, { message: { case: "attach", value: { incarnation, session: 1n } } });
}

export function resultMessage(commandId: string): CommandsRequest {
  return create(CommandsRequestSchema, { message: { case: "result", value: { commandId, ok: true, tookMs: 5n } } });
}
