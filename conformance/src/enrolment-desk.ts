import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AttemptLimiter } from "@lormas/coordinator/agents/attempt-limiter.ts";
import { EnrolmentService } from "@lormas/coordinator/agents/enrolment-service.ts";
import { FakeJoinTokens } from "@lormas/coordinator/agents/fake-registers.ts";
import { formatJoinToken, hashJoinSecret, makeJoinToken } from "@lormas/coordinator/agents/join-token.ts";
import { MessageValidator } from "@lormas/coordinator/agents/message-validator.ts";
import {
  CertificateAuthority,
  type IssuedServerCertificate,
  NODE_LIFE_MS,
} from "@lormas/coordinator/agents/pki/certificate-authority.ts";
import { PlaneCounters } from "@lormas/coordinator/agents/plane-counters.ts";
import type { RandomSource } from "@lormas/coordinator/agents/random-source.ts";
import { RefusalLog } from "@lormas/coordinator/agents/refusal-log.ts";
import { Refusal } from "@lormas/coordinator/domain/refusal.ts";
import type { EnrolRequest, EnrolResponse } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { SuiteClock } from "./suite-clock.ts";

export const CLUSTER_NAME = "conformance";
const DAY_MS = 86_400_000;
/** The authority is this old, so that certificates of the past can be made. */
const AUTHORITY_AGE_MS = 60 * DAY_MS;
const TOKEN_LIFE_MS = 3_600_000;
const SILENT_LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A fleet of one authority that takes nodes in: the coordinator's own enrolment, with its registers in memory. */
export class EnrolmentDesk {
  readonly authority: CertificateAuthority;
  readonly #clock: SuiteClock;
  readonly #random: RandomSource;
  readonly #tokens = new FakeJoinTokens();
  /** Names by node id. */
  readonly #nodes = new Map<string, string>();
  readonly #service: EnrolmentService;

  private constructor(authority: CertificateAuthority, clock: SuiteClock, random: RandomSource) {
    this.authority = authority;
    this.#clock = clock;
    this.#random = random;
    const counters = new PlaneCounters();
    this.#service = new EnrolmentService({
      authorities: { serving: authority },
      operations: {
        enrolNode: (node) => this.#enrolNode(node),
        awaitApproval: (node) =>
          Promise.reject(new Error(`no token of the suite demands approval, and ${node.name} asks`)),
      },
      joinTokens: this.#tokens,
      validator: new MessageValidator(counters),
      limiter: new AttemptLimiter({ burst: 1_000, refillMs: 1 }, clock),
      counters,
      refusals: new RefusalLog(SILENT_LOG, clock, counters),
      log: SILENT_LOG,
      clock,
    });
  }

  static async open(folder: string, random: RandomSource): Promise<EnrolmentDesk> {
    // Its own, since it is moved.
    const clock = new SuiteClock();
    await mkdir(join(folder, "pki"), { recursive: true });
    clock.shiftMs = -AUTHORITY_AGE_MS;
    try {
      return new EnrolmentDesk(await CertificateAuthority.open(folder, clock, random), clock, random);
    } finally {
      clock.shiftMs = 0;
    }
  }

  /** A token that is good for one node. */
  async joinToken(): Promise<string> {
    const token = makeJoinToken(this.#random, this.authority.caDigestHex);
    const createdAtMs = this.#clock.wallMs();
    await this.#tokens.create({
      secretHash: hashJoinSecret(token.secret),
      clusterId: CLUSTER_NAME,
      createdBy: CLUSTER_NAME,
      createdAtMs,
      expiresAtMs: createdAtMs + TOKEN_LIFE_MS,
    });
    return formatJoinToken(token);
  }

  serverCertificate(): Promise<IssuedServerCertificate> {
    return this.authority.issueServer([]);
  }

  /** As the coordinator answers it. */
  enrol(request: EnrolRequest): Promise<EnrolResponse> {
    return this.#service.enrol(request, "127.0.0.1:1");
  }

  /** The same with a certificate that ends `leftMs` from now, most of whose life is over. */
  async enrolForAShortTime(request: EnrolRequest, leftMs: number): Promise<EnrolResponse> {
    this.#clock.shiftMs = leftMs - NODE_LIFE_MS;
    try {
      return await this.enrol(request);
    } finally {
      this.#clock.shiftMs = 0;
    }
  }

  nameOf(nodeId: string): string {
    return this.#nodes.get(nodeId) ?? "";
  }

  async #enrolNode(node: {
    nodeId: string;
    name: string;
    tokenHash: string;
  }): Promise<{ clusterName: string; nodeName: string }> {
    if (!this.#tokens.consume(node.tokenHash, node.nodeId) && this.#nodes.get(node.nodeId) !== node.name) {
      throw new Refusal("invalid_argument", "the join token has been used already", "make another one");
    }
    this.#nodes.set(node.nodeId, node.name);
    return { clusterName: CLUSTER_NAME, nodeName: node.name };
  }
}
