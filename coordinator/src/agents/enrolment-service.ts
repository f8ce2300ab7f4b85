import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import {
  type EnrolRequest,
  EnrolRequestSchema,
  type EnrolResponse,
  EnrolResponseSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { keyFingerprint } from "../domain/node/node-approval.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import type { EnrolledNode, EnrolmentOutcome, Operations } from "../runtime/operations.ts";
import type { AttemptLimiter } from "./attempt-limiter.ts";
import { issue } from "./certificate-service.ts";
import { hashJoinSecret } from "./join-token.ts";
import type { JoinTokenRegister } from "./join-token-register.ts";
import type { MessageValidator } from "./message-validator.ts";
import { addressKey, peerHost } from "./peer-address.ts";
import {
  BadCertificateRequest,
  type CertificateAuthority,
  provenRequest,
  requestedKeyDigest,
} from "./pki/certificate-authority.ts";
import type { PlaneCounterName, PlaneCounters } from "./plane-counters.ts";
import type { PlaneLog } from "./plane-log.ts";
import type { RefusalLog } from "./refusal-log.ts";
import { awaitingApproval, RpcStatus, unavailable } from "./rpc-status.ts";
import { text } from "./wire-mapping.ts";

const ANOTHER_TOKEN = "make another join token and enrol with it";

export type EnrolmentParts = {
  /** `serving` is the one whose digest join tokens carry. */
  readonly authorities: { readonly serving: CertificateAuthority };
  readonly operations: Pick<Operations, "enrolNode" | "awaitApproval">;
  readonly joinTokens: JoinTokenRegister;
  readonly validator: MessageValidator;
  readonly limiter: AttemptLimiter;
  readonly counters: PlaneCounters;
  readonly refusals: RefusalLog;
  readonly log: PlaneLog;
  readonly clock: Clock;
};

/**
 * Exchanges a join token for a node certificate. The node and the use of its token are committed before the certificate
 * leaves. A node's id is made of its token and its key: whoever did not receive the answer and claims the same token with the
 * same key and name, while the token lives, is given another certificate of the same node.
 */
export class EnrolmentService {
  readonly #parts: EnrolmentParts;

  constructor(parts: EnrolmentParts) {
    this.#parts = parts;
  }

  /** Rejects with an RpcStatus: what the proto's comment on Enrol lists, RESOURCE_EXHAUSTED, UNAVAILABLE. */
  async enrol(request: EnrolRequest, remote: string): Promise<EnrolResponse> {
    const { authorities, validator, limiter, counters, log } = this.#parts;
    const authority = authorities.serving;
    const address = addressKey(peerHost(remote));
    const waitMs = limiter.take(address);
    if (waitMs > 0) {
      this.#parts.refusals.refused("enrolments_rate_limited", { remote }, "too many enrolments from one address");
      throw new RpcStatus(status.RESOURCE_EXHAUSTED, `too many enrolments from ${address}: wait ${waitMs} ms`, {
        retryAfterMs: waitMs,
      });
    }
    validator.check(EnrolRequestSchema, request);
    const tokenHash = hashJoinSecret(request.token);
    const key = keyDigest(request.csr);
    const nodeId = claimedNodeId(tokenHash, key);
    const { needsApproval } = await this.#checkToken(tokenHash, nodeId, request.nodeName, remote);
    if (needsApproval) await this.#awaitApproval(request, { tokenHash, nodeId, key, remote });
    const issued = await issue(authority, request.csr, nodeId, request.nodeName);
    const { clusterName, nodeName } = await this.#commit(
      {
        nodeId,
        name: request.nodeName,
        agentVersion: text(request.agentVersion, 64),
        tokenHash,
        certificateSerial: issued.serial,
        needsApproval,
      },
      remote,
    );
    limiter.giveBack(address);
    counters.add("enrolments");
    log.info({ node: nodeName, nodeId, remote, cluster: clusterName }, "node enrolled");
    return create(EnrolResponseSchema, {
      nodeId,
      certificate: issued.certificatePem,
      caCertificate: authority.caPem,
      notAfter: timestampFromMs(issued.notAfterMs),
      clusterName,
      nodeName,
    });
  }

  async #checkToken(
    tokenHash: string,
    nodeId: string,
    nodeName: string,
    remote: string,
  ): Promise<{ needsApproval: boolean }> {
    const { joinTokens, clock } = this.#parts;
    const token = await joinTokens.find(tokenHash, clock.wallMs()).catch((error: unknown) => {
      throw unavailable("the database does not answer: try again", undefined, error);
    });
    switch (token.kind) {
      case "usable":
        return token;
      case "unknown":
        throw this.#refuse("enrolments_token_unknown", nodeName, remote, "the join token is not known");
      case "used":
        if (token.nodeId === nodeId) return token;
        // Whoever comes second may be the rightful one: a person should look.
        throw this.#refuse("enrolments_token_used", nodeName, remote, "the join token has been used already");
      case "expired":
        throw this.#refuse("enrolments_token_expired", nodeName, remote, "the join token has expired");
      default:
        return token satisfies never;
    }
  }

  /** Resolves once the node has been let in. */
  async #awaitApproval(
    { nodeName, csr, agentVersion }: EnrolRequest,
    { tokenHash, nodeId, key, remote }: { tokenHash: string; nodeId: string; key: Buffer; remote: string },
  ): Promise<void> {
    const { operations, limiter } = this.#parts;
    await provenRequest(csr).catch((error: unknown) => {
      throw error instanceof BadCertificateRequest ? new RpcStatus(status.INVALID_ARGUMENT, error.message) : error;
    });
    const address = peerHost(remote);
    const fingerprint = keyFingerprint(key.toString("base64"));
    const claim = { nodeId, name: nodeName, agentVersion: text(agentVersion, 64), tokenHash, address };
    const asked = { ...claim, keyFingerprint: fingerprint };
    const outcome = await this.#answered(claim, remote, () => operations.awaitApproval(asked));
    switch (outcome.kind) {
      case "approved":
        return;
      case "waiting":
        // Whoever holds a token is no guesser, however often it asks.
        limiter.giveBack(addressKey(address));
        throw awaitingApproval(nodeName, fingerprint, outcome.untilMs);
      case "gone": {
        const why = `${nodeName} is not let in: it was turned away, nobody let it in in time, or its token was another's`;
        this.#parts.refusals.refused("enrolments_refused", { node: nodeName, remote }, why);
        throw new RpcStatus(status.PERMISSION_DENIED, `${why}: ${ANOTHER_TOKEN}`);
      }
      default:
        return outcome satisfies never;
    }
  }

  #commit(node: EnrolledNode, remote: string): Promise<EnrolmentOutcome> {
    return this.#answered(node, remote, () => this.#parts.operations.enrolNode(node));
  }

  async #answered<T>(node: Pick<EnrolledNode, "name">, remote: string, decide: () => Promise<T>): Promise<T> {
    try {
      return await decide();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const text = `${error.message}: ${error.nextStep}`;
      switch (error.code) {
        case "name_taken":
          this.#parts.refusals.refused("enrolments_refused", { node: node.name, remote }, text);
          throw new RpcStatus(status.ALREADY_EXISTS, text);
        case "busy":
          throw unavailable(text, error.retryAfterMs, error);
        case "invalid_argument":
          // Two claims at once passed the look-up above and the transaction let one through, or the name is another.
          throw this.#refuse("enrolments_token_used", node.name, remote, "the join token has been used already");
        default:
          throw error;
      }
    }
  }

  #refuse(counter: PlaneCounterName, node: string, remote: string, reason: string): RpcStatus {
    this.#parts.refusals.refused(counter, { node, remote }, `enrolment refused: ${reason}`);
    return new RpcStatus(status.UNAUTHENTICATED, `${reason}: ${ANOTHER_TOKEN}`);
  }
}

function keyDigest(csr: Uint8Array): Buffer {
  try {
    return requestedKeyDigest(csr);
  } catch (error) {
    if (error instanceof BadCertificateRequest) throw new RpcStatus(status.INVALID_ARGUMENT, error.message);
    throw error;
  }
}

/** The id of the node that claims this token with this key: a UUID of version 8, the same for the same claim. */
function claimedNodeId(tokenHash: string, key: Buffer): string {
  const bytes = createHash("sha256").update(tokenHash).update(key).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
