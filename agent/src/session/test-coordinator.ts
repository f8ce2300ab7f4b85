import { X509Certificate } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  Server as GrpcServer,
  Metadata,
  type Server,
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
  LeasePolicySchema,
  type Membership,
  MembershipSchema,
  type PushLogsRequest,
  type PushLogsResponse,
  PushLogsResponseSchema,
  type RenewCertificateRequest,
  type RenewCertificateResponse,
  RenewCertificateResponseSchema,
  WelcomeSchema,
  type LeasePolicy as WirePolicy,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { LEASE_PROFILES, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { Voter } from "@lormas/lease/membership.ts";
import { AWAITING_APPROVAL_TRAILER } from "@lormas/wire/awaiting-approval.ts";
import { grpcService } from "@lormas/wire/grpc-service.ts";
import { nodeIdOfNames } from "@lormas/wire/node-uri.ts";
import { TestAuthority } from "./test-authority.ts";

export const TEST_SECRET = "secret-for-one-enrolment";
export const TEST_NODE_ID = "7e57ab1e-0000-4000-8000-000000000001";

/** The id of the node of that name: "node-7" is number 7, any other name number 1. */
export function testNodeId(name: string): string {
  return TEST_NODE_ID.slice(0, -2) + (/^node-(\d{1,2})$/.exec(name)?.[1] ?? "1").padStart(2, "0");
}

/** What one node said, where a test has several. */
export type HeardNode = { hello: Hello | null; beat: Heartbeat | null; commands: CommandsCall | null };

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
  /** The group's epoch and voters, as each node is told them. */
  epoch = 1n;
  votersFor: (nodeId: string) => readonly Voter[] = () => [];
  /** Replaces the policy on the wire, for what no sound coordinator would send. */
  wirePolicy: Partial<Omit<WirePolicy, "$typeName">> = {};
  /** False: heartbeats are heard but not acknowledged. */
  acking = true;
  /** Called at a goodbye, before the stream is ended upon it. */
  onGoodbye: () => void = () => undefined;
  /** By node id. */
  readonly nodes = new Map<string, HeardNode>();
  /** So many enrolments are answered that the node has to be let in first. */
  approvalsPending = 0;
  /** True: an operator has turned the node away. */
  turnsAway = false;
  /** Life of the certificates that are given out, in milliseconds. */
  certificateLifeMs = 3_600_000;
  commandStreams: CommandsCall[] = [];
  heartbeatStreams: HeartbeatCall[] = [];
  port = 0;
  readonly #nowMs: () => number;
  #server: Server | null = null;
  #tls: TlsServer | null = null;
  readonly #sockets = new Set<TLSSocket>();
  #ca: TestAuthority | null = null;

  private constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  static async start(nowMs: () => number): Promise<TestCoordinator> {
    const coordinator = new TestCoordinator(nowMs);
    coordinator.#ca = await TestAuthority.create(nowMs);
    await coordinator.listen(0);
    return coordinator;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get caPem(): string {
    return this.#authority().pem;
  }

  get joinToken(): string {
    return `lormas1.${TEST_SECRET}.${this.#authority().digest}`;
  }

  /** Results that came up, oldest first. */
  get results(): CommandResult[] {
    return this.heard.messages.flatMap((message) => (message.case === "result" ? [message.value] : []));
  }

  resultOf(commandId: string): CommandResult | undefined {
    return this.results.findLast((result) => result.commandId === commandId);
  }

  /** Sends a message down the newest command stream, or down that of a node. */
  send(message: CommandsResponse["message"], nodeId?: string): void {
    const stream = nodeId === undefined ? this.commandStreams.at(-1) : this.nodes.get(nodeId)?.commands;
    stream?.write(create(CommandsResponseSchema, { message }));
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Breaks every connection; the server goes on. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends the server and every connection at once, as a crash would. */
  async stop(): Promise<void> {
    this.#tls?.close();
    this.cut();
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
    const own = await this.#authority().server();
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

  /** A node's certificate over the key of a request; which node, its name says. */
  async issueNode(csr: Uint8Array): Promise<string> {
    const nodeId = testNodeId(await this.#authority().requestedName(csr));
    return this.#authority().node(csr, nodeId, this.certificateLifeMs);
  }

  #authority() {
    if (!this.#ca) throw new Error("the test's CA is not made yet");
    return this.#ca;
  }

  async #enrol(request: EnrolRequest, answer: sendUnaryData<EnrolResponse>): Promise<void> {
    this.heard.enrolments.push(request);
    if (this.approvalsPending > 0) {
      this.approvalsPending -= 1;
      const metadata = new Metadata();
      metadata.set(AWAITING_APPROVAL_TRAILER, "true");
      answer({ code: status.UNAVAILABLE, details: "awaiting approval", metadata });
      return;
    }
    if (this.turnsAway) {
      answer({ code: status.PERMISSION_DENIED, details: "node-1 is not let in: it was turned away" });
      return;
    }
    if (request.token !== TEST_SECRET) {
      answer({ code: status.UNAUTHENTICATED, details: "the join token is unknown" });
      return;
    }
    const response = create(EnrolResponseSchema, {
      nodeId: testNodeId(await this.#authority().requestedName(request.csr)),
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

  #node(nodeId: string): HeardNode {
    const node = this.nodes.get(nodeId) ?? { hello: null, beat: null, commands: null };
    this.nodes.set(nodeId, node);
    return node;
  }

  #membership(nodeId: string): Membership {
    const { profile, intervalMs, leaseMs, killMs, voteMs, survival } = this.policy;
    const policy = create(LeasePolicySchema, {
      ...{ profile, intervalMs, leaseMs, killMs, voteMs, survival },
      ...this.wirePolicy,
    });
    return create(MembershipSchema, { epoch: this.epoch, voters: [...this.votersFor(nodeId)], policy });
  }

  #heartbeat(call: HeartbeatCall): void {
    this.heartbeatStreams.push(call);
    call.on("error", () => undefined);
    call.on("end", () => call.end());
    const nodeId = nodeOf(call);
    const node = this.#node(nodeId);
    call.on("data", ({ message }: HeartbeatRequest) => {
      if (message.case === "hello") {
        this.heard.hellos.push(message.value);
        node.hello = message.value;
        const { term, session } = this;
        const membership = this.#membership(nodeId);
        const { policy } = membership;
        const value = create(WelcomeSchema, {
          term,
          session,
          nodeName: "node-1",
          clusterName: "local",
          policy,
          membership,
        });
        call.write(create(HeartbeatResponseSchema, { message: { case: "welcome", value } }));
      } else if (message.case === "heartbeat") {
        this.heard.heartbeats.push(message.value);
        node.beat = message.value;
        if (!this.acking) return;
        const { sequence, membershipEpoch } = message.value;
        const { term, session } = this;
        const news = membershipEpoch === this.epoch ? {} : { membership: this.#membership(nodeId) };
        const value = create(AckSchema, { sequence, term, session, ...news });
        call.write(create(HeartbeatResponseSchema, { message: { case: "ack", value } }));
      }
    });
  }

  #commands(call: CommandsCall): void {
    call.on("error", () => undefined);
    call.on("end", () => call.end());
    call.on("data", ({ message }: CommandsRequest) => {
      this.heard.messages.push(message);
      if (message.case === "goodbye") this.onGoodbye();
      if (message.case !== "attach") return;
      this.heard.attaches.push(message.value);
      this.commandStreams.push(call);
      this.#node(nodeOf(call)).commands = call;
      const value = { $typeName: "lormas.agent.v1.Attached" as const, term: this.term };
      call.write(create(CommandsResponseSchema, { message: { case: "attached", value } }));
    });
  }
}

/** The node that the certificate of a call names. */
function nodeOf(call: HeartbeatCall | CommandsCall): string {
  const der = call.getAuthContext().sslPeerCertificate?.raw;
  return (der && nodeIdOfNames(new X509Certificate(der).subjectAltName)) ?? "";
}
