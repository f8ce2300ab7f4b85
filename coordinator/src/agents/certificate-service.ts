import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import {
  type RenewCertificateRequest,
  RenewCertificateRequestSchema,
  type RenewCertificateResponse,
  RenewCertificateResponseSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { MessageValidator } from "./message-validator.ts";
import type { NodePeer } from "./node-peer.ts";
import type { NodeRegister } from "./node-register.ts";
import { BadCertificateRequest, type CertificateAuthority } from "./pki/certificate-authority.ts";
import type { FleetAuthorities } from "./pki/fleet-authorities.ts";
import type { PlaneCounters } from "./plane-counters.ts";
import type { PlaneLog } from "./plane-log.ts";
import { RpcStatus, unavailable } from "./rpc-status.ts";

/** Gives a node a fresh certificate under the one that it speaks with. The older one stays good until its end. */
export class CertificateService {
  readonly #authorities: Pick<FleetAuthorities, "signerFor" | "trusted">;
  readonly #nodes: NodeRegister;
  readonly #validator: MessageValidator;
  readonly #counters: PlaneCounters;
  readonly #log: PlaneLog;

  constructor(parts: {
    authorities: Pick<FleetAuthorities, "signerFor" | "trusted">;
    nodes: NodeRegister;
    validator: MessageValidator;
    counters: PlaneCounters;
    log: PlaneLog;
  }) {
    this.#authorities = parts.authorities;
    this.#nodes = parts.nodes;
    this.#validator = parts.validator;
    this.#counters = parts.counters;
    this.#log = parts.log;
  }

  /** Rejects with an RpcStatus. Id and name are those of the peer, whatever the request says. */
  async renew(request: RenewCertificateRequest, peer: NodePeer): Promise<RenewCertificateResponse> {
    this.#validator.check(RenewCertificateRequestSchema, request);
    const signer = this.#authorities.signerFor(request.trustedAuthorities);
    const issued = await issue(signer, request.csr, peer.nodeId, peer.nodeName);
    try {
      await this.#nodes.recordCertificate(peer.nodeId, issued.serial);
    } catch (error) {
      throw unavailable("the new certificate could not be noted in the database: ask again", undefined, error);
    }
    this.#counters.add("certificates_renewed");
    this.#log.info({ node: peer.nodeName, serial: issued.serial }, "node certificate renewed");
    return create(RenewCertificateResponseSchema, {
      certificate: issued.certificatePem,
      caCertificate: signer.caPem,
      notAfter: timestampFromMs(issued.notAfterMs),
      trustedAuthorities: [signer, ...this.#authorities.trusted.filter((one) => one !== signer)].map(
        ({ caPem }) => caPem,
      ),
    });
  }
}

/** issueNode with a bad request as INVALID_ARGUMENT. */
export async function issue(authority: CertificateAuthority, csr: Uint8Array, nodeId: string, nodeName: string) {
  try {
    return await authority.issueNode(csr, { nodeId, nodeName });
  } catch (error) {
    if (error instanceof BadCertificateRequest) throw new RpcStatus(status.INVALID_ARGUMENT, error.message);
    throw error;
  }
}
