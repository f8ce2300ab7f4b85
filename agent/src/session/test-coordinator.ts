import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  Server as GrpcServer,
  type Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import {
  AgentService,
  type Attach,
  type CommandResult,
  type CommandsRequest,
  type CommandsResponse,
  CommandsResponseSchema,
  EnrolmentService,
  type EnrolRequest,
  type EnrolResponse,
  EnrolResponseSchema,
  type Heartbeat,
  type HeartbeatRequest,
  type HeartbeatResponse,
  HeartbeatResponseSchema,
  type Hello,
  type PushLogsRequest,
  type PushLogsResponse,
  PushLogsResponseSchema,
  type RenewCertificateRequest,
  type RenewCertificateResponse,
  RenewCertificateResponseSchema,
  WelcomeSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { LEASE_PROFILES, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import { grpcService } from "@lormas/wire/grpc-service.ts";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  PemConverter,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

cryptoProvider.set(webcrypto);

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
export const TEST_SECRET = "secret-for-one-enrolment";
export const TEST_NODE_ID = "7e57ab1e-0000-4000-8000-000000000001";

type CommandsCall = ServerDuplexStream<CommandsRequest, CommandsResponse>;
type HeartbeatCall = ServerDuplexStream<HeartbeatRequest, HeartbeatResponse>;

/**
 * The coordinator's side of the agent plane for tests: real grpc-js over real mutual TLS, with everything it heard on record
 * and every answer in the test's hand.
 */
export class TestCoordinator {
  readonly heard = {
    enrolments: [] as EnrolRequest[],
    hellos: [] as Hello[],
    heartbeats: [] as Heartbeat[],
    attaches: [] as Attach[],
    /** Messages of the command stream, in order. */
    messages: [] as CommandsRequest["message"][],
    logs: [] as PushLogsRequest[],
    renewals: 0,
    /** Serial numbers of the valid client certificates that connections came with. */
    serials: [] as string[],
  };
  term = 1n;
  session = 1n;
  policy: LeasePolicy = LEASE_PROFILES.fast;
  /** False: heartbeats are heard but not acknowledged. */
  acking = true;
  /** Life of the certificates that are given out, in milliseconds. */
  certificateLifeMs = 3_600_000;
  commandStreams: CommandsCall[] = [];
  heartbeatStreams: HeartbeatCall[] = [];
  port = 0;
  readonly #nowMs: () => number;
  #server: Server | null = null;
  #tls: TlsServer | null = null;
  readonly #sockets = new Set<TLSSocket>();
  #ca: { certificate: X509Certificate; keys: webcrypto.CryptoKeyPair } | null = null;
  #serial = 16;

  private constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  static async start(nowMs: () => number): Promise<TestCoordinator> {
    const coordinator = new TestCoordinator(nowMs);
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: "CN=test CA",
      notBefore: new Date(nowMs() - 60_000),
      notAfter: new Date(nowMs() + 86_400_000),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [new BasicConstraintsExtension(true, 0, true)],
    });
    coordinator.#ca = { certificate, keys };
    await coordinator.listen(0);
    return coordinator;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get caPem(): string {
    return this.#authority().certificate.toString("pem");
  }

  get joinToken(): string {
    const digest = createHash("sha256").update(Buffer.from(this.#authority().certificate.rawData)).digest("hex");
    return `lormas1.${TEST_SECRET}.${digest}`;
  }

  /** Results that came up, oldest first. */
  get results(): CommandResult[] {
    return this.heard.messages.flatMap((message) => (message.case === "result" ? [message.value] : []));
  }

  resultOf(commandId: string): CommandResult | undefined {
    return this.results.findLast((result) => result.commandId === commandId);
  }

  /** Sends a message down the newest command stream. */
  send(message: CommandsResponse["message"]): void {
    this.commandStreams.at(-1)?.write(create(CommandsResponseSchema, { message }));
  }

  /** Ends the server and every connection at once, as a crash would. */
  async stop(): Promise<void> {
    this.#tls?.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.forceShutdown();
    this.#server = null;
    this.commandStreams = [];
    this.heartbeatStreams = [];
  }

  /** Listens (again) on a port; 0 takes a free one. */
  async listen(port: number): Promise<void> {
    const server = new GrpcServer();
    server.addService(grpcService(EnrolmentService), {
      enrol: (call: ServerUnaryCall<EnrolRequest, EnrolResponse>, answer: sendUnaryData<EnrolResponse>) =>
        void this.#enrol(call.request, answer),
    });
    server.addService(grpcService(AgentService), {
      heartbeat: (call: HeartbeatCall) => this.#heartbeat(call),
      commands: (call: CommandsCall) => this.#commands(call),
      pushLogs: (
        call: ServerReadableStream<PushLogsRequest, PushLogsResponse>,
        answer: sendUnaryData<PushLogsResponse>,
      ) => {
        call.on("data", (message: PushLogsRequest) => this.heard.logs.push(message));
        call.on("error", () => undefined);
        call.on("end", () => answer(null, create(PushLogsResponseSchema)));
      },
      renewCertificate: (
        call: ServerUnaryCall<RenewCertificateRequest, RenewCertificateResponse>,
        answer: sendUnaryData<RenewCertificateResponse>,
      ) => void this.#renew(call.request, answer),
    });
    const own = await this.#issueServer();
    // Enrolment comes without a certificate over the same port, so TLS asks for one and does not insist.
    const tls = createServer({
      key: own.keyPem,
      cert: `${own.pem}\n${this.caPem}`,
      ca: this.caPem,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
    });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    tls.on("secureConnection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      socket.on("error", () => undefined);
      if (socket.authorized) this.heard.serials.push(socket.getPeerCertificate().serialNumber);
      injector.injectConnection(socket);
    });
    this.port = await new Promise<number>((resolve, reject) => {
      tls.once("error", reject);
      tls.listen(port, "127.0.0.1", () => resolve((tls.address() as AddressInfo).port));
    });
    this.#tls = tls;
    this.#server = server;
  }

  /** A node's certificate over the key of a request. */
  async issueNode(csr: Uint8Array): Promise<string> {
    const request = new Pkcs10CertificateRequest(csr as Uint8Array<ArrayBuffer>);
    if (!(await request.verify())) throw new Error("the request is not signed by its key");
    return this.#issue(request.subject, await request.publicKey.export(), this.certificateLifeMs, [
      { type: "url", value: `lormas://node/${TEST_NODE_ID}` },
    ]);
  }

  async #issueServer(): Promise<{ pem: string; keyPem: string }> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const pem = await this.#issue("CN=lormas-coordinator", keys.publicKey, 86_000_000, [
      { type: "dns", value: "lormas-coordinator" },
    ]);
    return {
      pem,
      keyPem: PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY"),
    };
  }

  async #issue(
    subject: string,
    publicKey: webcrypto.CryptoKey,
    lifeMs: number,
    names: JsonGeneralNames,
  ): Promise<string> {
    const ca = this.#authority();
    this.#serial += 1;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: this.#serial.toString(16),
      subject,
      issuer: ca.certificate.subject,
      notBefore: new Date(this.#nowMs() - 1_000),
      notAfter: new Date(this.#nowMs() + lifeMs),
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: ca.keys.privateKey,
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension(names),
      ],
    });
    return certificate.toString("pem");
  }

  #authority() {
    if (!this.#ca) throw new Error("the test's CA is not made yet");
    return this.#ca;
  }

  async #enrol(request: EnrolRequest, answer: sendUnaryData<EnrolResponse>): Promise<void> {
    this.heard.enrolments.push(request);
    if (request.token !== TEST_SECRET) {
      answer({ code: status.UNAUTHENTICATED, details: "the join token is unknown" });
      return;
    }
    const response = create(EnrolResponseSchema, {
      nodeId: TEST_NODE_ID,
      certificate: await this.issueNode(request.csr),
      caCertificate: this.caPem,
      notAfter: timestampFromDate(new Date(this.#nowMs() + this.certificateLifeMs)),
      clusterName: "local",
    });
    answer(null, response);
  }

  async #renew(request: RenewCertificateRequest, answer: sendUnaryData<RenewCertificateResponse>): Promise<void> {
    this.heard.renewals += 1;
    const certificate = await this.issueNode(request.csr);
    answer(null, create(RenewCertificateResponseSchema, { certificate, caCertificate: this.caPem }));
  }

  #heartbeat(call: HeartbeatCall): void {
    this.heartbeatStreams.push(call);
    call.on("error", () => undefined);
    call.on("end", () => call.end());
    call.on("data", ({ message }: HeartbeatRequest) => {
      if (message.case === "hello") {
        this.heard.hellos.push(message.value);
        const { term, session, policy } = this;
        const value = welcomeOf({ term, session, policy });
        call.write(create(HeartbeatResponseSchema, { message: { case: "welcome", value } }));
      } else if (message.case === "heartbeat") {
        this.heard.heartbeats.push(message.value);
        if (!this.acking) return;
        const { sequence } = message.value;
        const value = { $typeName: "lormas.agent.v1.Ack" as const, sequence, term: this.term, session: this.session };
        call.write(create(HeartbeatResponseSchema, { message: { case: "ack", value } }));
      }
    });
  }

  #commands(call: CommandsCall): void {
    call.on("error", () => undefined);
    call.on("end", () => call.end());
    call.on("data", ({ message }: CommandsRequest) => {
      this.heard.messages.push(message);
      if (message.case !== "attach") return;
      this.heard.attaches.push(message.value);
      this.commandStreams.push(call);
      const value = { $typeName: "lormas.agent.v1.Attached" as const, term: this.term };
      call.write(create(CommandsResponseSchema, { message: { case: "attached", value } }));
    });
  }
}

function welcomeOf({ term, session, policy }: { term: bigint; session: bigint; policy: LeasePolicy }) {
  const { profile, intervalMs, leaseMs, killMs, survival } = policy;
  const wire = { profile, intervalMs, leaseMs, killMs, survival };
  const membership = { epoch: 1n, voters: [], policy: wire };
  return create(WelcomeSchema, { term, session, nodeName: "node-1", clusterName: "local", policy: wire, membership });
}
