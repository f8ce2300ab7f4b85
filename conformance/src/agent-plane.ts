import { X509Certificate } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import {
  AckSchema,
  AgentService,
  type CommandsRequest,
  CommandsRequestSchema,
  type CommandsResponse,
  CommandsResponseSchema,
  EnrolmentService,
  type EnrolRequest,
  type EnrolResponse,
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  type HeartbeatResponse,
  HeartbeatResponseSchema,
  LeasePolicySchema,
  type Membership,
  MembershipSchema,
  type PushLogsRequest,
  PushLogsRequestSchema,
  type PushLogsResponse,
  PushLogsResponseSchema,
  type RenewCertificateRequest,
  type RenewCertificateResponse,
  RenewCertificateResponseSchema,
  WelcomeSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { grpcService } from "@lormas/wire/grpc-service.ts";
import { readNodeCertificate } from "@lormas/wire/node-certificate.ts";
import { type AckInit, type Conduct, soundConduct } from "./conduct.ts";
import { CLUSTER_NAME, type EnrolmentDesk } from "./enrolment-desk.ts";
import { HeardLog } from "./heard.ts";
import { StreamRules } from "./stream-rules.ts";
import type { SuiteClock } from "./suite-clock.ts";

type HeartbeatCall = ServerDuplexStream<HeartbeatRequest, HeartbeatResponse>;
type CommandsCall = ServerDuplexStream<CommandsRequest, CommandsResponse>;
type Refusal = { readonly code: status; readonly details: string };

const validator = createValidator();

/**
 * The coordinator's side of the agent plane, made to misbehave: real gRPC over mutual TLS, all that it hears on record, and
 * every answer in the hand of a check.
 */
export class AgentPlane {
  readonly heard = new HeardLog();
  conduct: Conduct = soundConduct();
  port = 0;
  readonly #desk: EnrolmentDesk;
  readonly #foreigners: EnrolmentDesk;
  readonly #clock: SuiteClock;
  readonly #rules = new StreamRules();
  readonly #sockets = new Set<TLSSocket>();
  #certificates: { own: { key: string; cert: string }; foreign: { key: string; cert: string } } | null = null;
  #tls: TlsServer | null = null;
  #server: Server | null = null;
  #streams = 0;
  #commands: { call: CommandsCall; stream: number } | null = null;

  /** `foreigners` is another fleet, whose certificate is shown where a check asks for it. */
  constructor(desk: EnrolmentDesk, foreigners: EnrolmentDesk, clock: SuiteClock) {
    this.#desk = desk;
    this.#foreigners = foreigners;
    this.#clock = clock;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async listen(): Promise<void> {
    const pairOf = ({ keyPem, chainPem }: { keyPem: string; chainPem: string }) => ({ key: keyPem, cert: chainPem });
    this.#certificates = {
      own: pairOf(await this.#desk.serverCertificate()),
      foreign: pairOf(await this.#foreigners.serverCertificate()),
    };
    const server = new Server();
    server.addService(grpcService(EnrolmentService), {
      enrol: (call: ServerUnaryCall<EnrolRequest, EnrolResponse>, answer: sendUnaryData<EnrolResponse>) =>
        this.#answered(answer, () => {
          this.#note({ kind: "enrol", value: call.request });
          return this.conduct.enrol(call.request, () => this.#desk.enrol(call.request));
        }),
    });
    server.addService(grpcService(AgentService), {
      heartbeat: (call: HeartbeatCall) => this.#heartbeat(call),
      commands: (call: CommandsCall) => this.#serveCommands(call),
      pushLogs: (
        call: ServerReadableStream<PushLogsRequest, PushLogsResponse>,
        answer: sendUnaryData<PushLogsResponse>,
      ) => this.#pushLogs(call, answer),
      renewCertificate: (
        call: ServerUnaryCall<RenewCertificateRequest, RenewCertificateResponse>,
        answer: sendUnaryData<RenewCertificateResponse>,
      ) => this.#answered(answer, () => this.#renew(call)),
    });
    // Enrolment comes without a certificate over the same port, and what an agent agrees to is to be seen, not forced.
    const tls = createServer({
      ...this.#certificates.own,
      ca: this.#desk.authority.caPem,
      minVersion: "TLSv1.2",
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
    });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    tls.on("connection", (socket) => {
      this.#note({ kind: "dial" });
      if (!this.conduct.open) socket.destroy();
    });
    tls.on("tlsClientError", () => undefined);
    tls.on("secureConnection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      socket.on("error", () => undefined);
      const serial = socket.getPeerCertificate().serialNumber ?? "";
      const alpn = socket.alpnProtocol || "none";
      this.#note({ kind: "connection", protocol: socket.getProtocol() ?? "none", alpn, serial });
      injector.injectConnection(socket);
    });
    this.port = await new Promise<number>((resolve, reject) => {
      tls.once("error", reject);
      tls.listen(0, "127.0.0.1", () => resolve((tls.address() as AddressInfo).port));
    });
    this.#tls = tls;
    this.#server = server;
  }

  /** From here on the server behaves as `conduct` says; a change of certificate needs this. */
  behave(change: Partial<Conduct>): void {
    this.conduct = { ...this.conduct, ...change };
    const { own, foreign } = this.#certificates ?? {};
    if (own && foreign) {
      const ca = this.#desk.authority.caPem;
      this.#tls?.setSecureContext({ ...(this.conduct.foreign ? foreign : own), ca, minVersion: "TLSv1.2" });
    }
  }

  /** Sound again in all that is no state of the fleet. */
  calm(): void {
    const { enrol, beat, welcome, open, foreign } = soundConduct();
    this.behave({ enrol, beat, welcome, open, foreign });
  }

  /** Breaks every connection; the listener goes on. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#commands = null;
  }

  async close(): Promise<void> {
    this.#tls?.close();
    this.cut();
    this.#server?.forceShutdown();
  }

  /** Sends a message down the command stream that was attached last. False when there is none. */
  send(message: CommandsResponse): boolean {
    this.#commands?.call.write(message);
    return this.#commands !== null;
  }

  /** The group as it is told to the agent. */
  membership(): Membership {
    const { epoch, policy, voters } = this.conduct;
    return create(MembershipSchema, { epoch, voters, policy: create(LeasePolicySchema, policy) });
  }

  #note(heard: Parameters<HeardLog["note"]>[0]): void {
    this.heard.note(heard, this.#clock.bootMs());
  }

  #violated(problem: string | null): void {
    if (problem !== null) this.heard.violated(problem);
  }

  #validate<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): void {
    const result = validator.validate(schema, message);
    if (result.kind !== "valid") this.#violated(`${schema.typeName}: ${result.error?.message ?? "invalid"}`);
  }

  #answered<Out>(answer: sendUnaryData<Out>, work: () => Promise<Out>): void {
    work().then(
      (response) => answer(null, response),
      (error: Partial<Refusal>) =>
        answer({ code: error.code ?? status.INTERNAL, details: error.details ?? String(error) }),
    );
  }

  /** The node that a call's certificate names; null, and the call is ended, where there is none of our fleet. */
  #admit(call: HeartbeatCall | CommandsCall | ServerReadableStream<PushLogsRequest, PushLogsResponse>): string | null {
    call.on("error", () => undefined);
    const nodeId = this.#nodeOf(call);
    if (nodeId === null) {
      this.#violated(`${call.getPath()} was called without a certificate of the fleet`);
      call.emit("error", { code: status.UNAUTHENTICATED, details: "show the node's certificate" });
    }
    return nodeId;
  }

  #nodeOf(call: Pick<HeartbeatCall, "getAuthContext">): string | null {
    const der = call.getAuthContext().sslPeerCertificate?.raw;
    if (der === undefined) return null;
    const proven = readNodeCertificate(der, [new X509Certificate(this.#desk.authority.caPem)], this.#clock.wallMs());
    return proven.kind === "node" ? proven.nodeId : null;
  }

  async #renew(
    call: ServerUnaryCall<RenewCertificateRequest, RenewCertificateResponse>,
  ): Promise<RenewCertificateResponse> {
    const nodeId = this.#nodeOf(call);
    if (nodeId === null)
      throw { code: status.UNAUTHENTICATED, details: "show the node's certificate" } satisfies Refusal;
    const nodeName = this.#desk.nameOf(nodeId);
    const { certificatePem, serial, notAfterMs } = await this.#desk.authority.issueNode(call.request.csr, {
      nodeId,
      nodeName,
    });
    this.#note({ kind: "renewal", serial });
    return create(RenewCertificateResponseSchema, {
      certificate: certificatePem,
      caCertificate: this.#desk.authority.caPem,
      notAfter: timestampFromMs(notAfterMs),
    });
  }

  #newStream(call: HeartbeatCall | CommandsCall): number {
    this.#streams += 1;
    const stream = this.#streams;
    let closed = false;
    const close = (): void => {
      if (closed) return;
      closed = true;
      this.#rules.closed(stream);
      this.#note({ kind: "closed", stream });
    };
    call.on("end", () => {
      close();
      call.end();
    });
    call.on("cancelled", close);
    call.on("close", close);
    return stream;
  }

  #heartbeat(call: HeartbeatCall): void {
    const nodeId = this.#admit(call);
    if (nodeId === null) return;
    const stream = this.#newStream(call);
    const send = (message: HeartbeatResponse["message"]): void => {
      if (!call.cancelled) call.write(create(HeartbeatResponseSchema, { message }));
    };
    call.on("data", (request: HeartbeatRequest) => {
      const { message } = request;
      this.#validate(HeartbeatRequestSchema, request);
      this.#violated(this.#rules.heartbeat(stream, message));
      if (message.case === "hello") {
        this.#note({ kind: "hello", value: message.value, stream });
        const { term, session, welcome } = this.conduct;
        const membership = this.membership();
        const policy = create(LeasePolicySchema, this.conduct.policy);
        const names = { nodeName: this.#desk.nameOf(nodeId), clusterName: CLUSTER_NAME };
        send({
          case: "welcome",
          value: create(WelcomeSchema, { term, session, ...names, policy, membership, ...welcome }),
        });
      } else if (message.case === "heartbeat") {
        const beat = message.value;
        this.#note({ kind: "beat", value: beat, stream });
        this.conduct.beat(beat, (init: AckInit = {}) => {
          const { term, session, epoch } = this.conduct;
          const news = beat.membershipEpoch === epoch ? {} : { membership: this.membership() };
          send({ case: "ack", value: create(AckSchema, { sequence: beat.sequence, term, session, ...news, ...init }) });
        });
      }
    });
  }

  #serveCommands(call: CommandsCall): void {
    if (this.#admit(call) === null) return;
    const stream = this.#newStream(call);
    call.on("data", (request: CommandsRequest) => {
      const { message } = request;
      this.#validate(CommandsRequestSchema, request);
      this.#violated(this.#rules.commands(stream, message));
      switch (message.case) {
        case "attach":
          this.#note({ kind: "attach", value: message.value, stream });
          this.#commands = { call, stream };
          call.write(
            create(CommandsResponseSchema, {
              message: { case: "attached", value: { $typeName: "lormas.agent.v1.Attached", term: this.conduct.term } },
            }),
          );
          return;
        case "result":
          return this.#note({ kind: "result", value: message.value, stream });
        case "inventory":
          return this.#note({ kind: "inventory", value: message.value, stream });
        case "report":
          return this.#note({ kind: "report", value: message.value, stream });
        case "goodbye":
          return this.#note({ kind: "goodbye", value: message.value, stream });
        case "consoleResult":
          return this.#note({ kind: "console", value: message.value, stream });
        case "authorities":
        case undefined:
          return;
        default:
          message satisfies never;
      }
    });
  }

  #pushLogs(
    call: ServerReadableStream<PushLogsRequest, PushLogsResponse>,
    answer: sendUnaryData<PushLogsResponse>,
  ): void {
    if (this.#admit(call) === null) return;
    this.#streams += 1;
    const stream = this.#streams;
    call.on("data", (message: PushLogsRequest) => {
      this.#validate(PushLogsRequestSchema, message);
      this.#violated(this.#rules.logs(message));
      this.#note({ kind: "logs", value: message, stream });
    });
    call.on("end", () => {
      this.#note({ kind: "logs_end", stream });
      answer(null, create(PushLogsResponseSchema));
    });
  }
}
