import { type ServerUnaryCall, status } from "@grpc/grpc-js";
import { readNodeCertificate } from "@lormas/wire/node-certificate.ts";
import type { Clock } from "../runtime/clock.ts";
import type { KnownNodes } from "./known-nodes.ts";
import type { NodePeer } from "./node-peer.ts";
import type { FleetAuthorities } from "./pki/fleet-authorities.ts";
import type { PlaneCounterName } from "./plane-counters.ts";
import type { RefusalLog } from "./refusal-log.ts";
import { RpcStatus, unavailable } from "./rpc-status.ts";

const ENROL = "enrol this node with a join token";

/** What of a call is looked at. */
export type PeerCall = {
  getAuthContext(): ReturnType<ServerUnaryCall<unknown, unknown>["getAuthContext"]>;
  getPeer(): string;
};

/** Decides for every call but Enrol who speaks: the node that its certificate names, if that may speak. */
export class PeerGate {
  readonly #authorities: Pick<FleetAuthorities, "ever">;
  readonly #nodes: KnownNodes;
  readonly #clock: Clock;
  readonly #refusals: RefusalLog;

  /** What a certificate was worth when its connection was made is decided there; while that is open it stays so. */
  constructor(authorities: Pick<FleetAuthorities, "ever">, nodes: KnownNodes, clock: Clock, refusals: RefusalLog) {
    this.#authorities = authorities;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#refusals = refusals;
  }

  /** Rejects with UNAUTHENTICATED, or UNAVAILABLE when the node cannot be looked up. */
  async admit(call: PeerCall): Promise<NodePeer> {
    const remote = call.getPeer();
    const der = call.getAuthContext().sslPeerCertificate?.raw;
    if (der === undefined) throw this.refuse("calls_without_certificate", remote, "no certificate was shown");
    const certificate = readNodeCertificate(der, this.#authorities.ever, this.#clock.wallMs());
    if (certificate.kind === "foreign") {
      throw this.refuse("calls_with_foreign_certificate", remote, certificate.reason);
    }
    if (certificate.kind === "ended") throw this.refuse("calls_with_ended_certificate", remote, certificate.reason);
    const { nodeId, notAfterMs } = certificate;
    const node = await this.#nodes.find(nodeId).catch((error: unknown) => {
      throw unavailable("the database does not answer: dial again", undefined, error);
    });
    if (node === null) throw this.refuse("calls_of_unknown_node", remote, `node ${nodeId} is not enrolled here`);
    if (node.revoked) throw this.refuse("calls_of_revoked_node", remote, `node ${node.name} has been revoked`);
    return { nodeId, nodeName: node.name, notAfterMs, remote };
  }

  /** Counts and logs a refusal; the status says what to do. */
  refuse(counter: PlaneCounterName, remote: string, reason: string): RpcStatus {
    this.#refusals.refused(counter, { remote }, `call refused: ${reason}`);
    return new RpcStatus(status.UNAUTHENTICATED, `${reason}: ${ENROL}`);
  }
}
