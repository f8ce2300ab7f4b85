import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { type NodeCertificate, readNodeCertificate } from "@lormas/wire/node-certificate.ts";
import type { Clock } from "../runtime/clock.ts";
import { ConnectionBounds } from "./connection-bounds.ts";
import { formatAddress, parseListenAddress } from "./listen-address.ts";
import type { NodePeer } from "./node-peer.ts";
import { addressKey } from "./peer-address.ts";
import type { IssuedServerCertificate } from "./pki/certificate-authority.ts";
import type { FleetAuthorities } from "./pki/fleet-authorities.ts";
import type { PlaneCounters } from "./plane-counters.ts";
import type { PlaneLimits } from "./plane-limits.ts";
import type { RefusalLog } from "./refusal-log.ts";

/** Node tells these errors of a handshake apart from those of the transport; neither is anybody's bug here. */
const ALPN = ["h2"];

export type ConnectionParts = {
  readonly authorities: Pick<FleetAuthorities, "trusted" | "retiredAt">;
  readonly limits: PlaneLimits;
  readonly clock: Clock;
  readonly counters: PlaneCounters;
  readonly refusals: RefusalLog;
  /** Takes a connection whose certificate names a node of ours. */
  readonly identified: (socket: TLSSocket) => void;
  /** Takes a connection without such a certificate; it can enrol and nothing else. */
  readonly unidentified: (socket: TLSSocket) => void;
};

/**
 * The port: accepts connections within bounds, does TLS 1.3 and looks at the peer's certificate, then hands the
 * connection to one of two gRPC servers. What is no TLS, or stalls within the handshake, is closed here without a word.
 */
export class AgentConnections {
  readonly #parts: ConnectionParts;
  readonly #tcp: TcpServer;
  readonly #tls: TlsServer;
  readonly #perAddress: ConnectionBounds;
  readonly #unidentified: ConnectionBounds;
  readonly #perNode: ConnectionBounds;
  readonly #sockets = new Set<Socket>();
  /** Open connections by peer as grpc-js prints it; and why one was not identified. */
  readonly #byPeer = new Map<string, { socket: TLSSocket; nodeId: string | null; reason: string }>();

  constructor(parts: ConnectionParts, certificate: IssuedServerCertificate) {
    const { limits, refusals, authorities } = parts;
    this.#parts = parts;
    this.#perAddress = new ConnectionBounds(limits.connectionsPerAddressMax);
    this.#unidentified = new ConnectionBounds(limits.unidentifiedPerAddressMax);
    this.#perNode = new ConnectionBounds(limits.connectionsPerNodeMax);
    this.#tls = createTlsServer({
      ...secureContext(authorities, certificate),
      ALPNProtocols: ALPN,
      requestCert: true,
      // Enrol comes without a certificate, over the same port; every other call is admitted by PeerGate alone.
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMs,
    });
    this.#tls.on("secureConnection", (socket) => this.#secured(socket));
    this.#tls.on("tlsClientError", (error, socket) => {
      refusals.refused(
        "handshakes_failed",
        { remote: socket.remoteAddress, reason: error.message },
        "connection closed: no TLS 1.3 handshake came of it",
      );
      socket.destroy();
    });
    this.#tcp = createTcpServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#tcp.maxConnections = limits.connectionsMax;
    this.#tcp.on("drop", (data) =>
      refusals.refused(
        "connections_refused_total",
        { remote: data?.remoteAddress },
        `connection refused: ${limits.connectionsMax} are open`,
      ),
    );
  }

  /** Listens; resolves to the address with the port that was taken. Rejects with what to do. */
  async listen(address: string): Promise<string> {
    const { host, port } = parseListenAddress(address);
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once("error", (error) =>
        reject(
          new Error(
            `the agent plane cannot listen on ${address} (${error.message}): free it or choose another with --agent-listen HOST:PORT (LORMAS_AGENT_LISTEN)`,
            {
              cause: error,
            },
          ),
        ),
      );
      this.#tcp.listen(port, host, resolve);
    });
    this.#tcp.removeAllListeners("error");
    // A listening socket has an AddressInfo; only pipes have a string.
    const bound = this.#tcp.address() as AddressInfo;
    return formatAddress(bound.address, bound.port);
  }

  /** New connections get this certificate, and are held against whom is trusted now; open ones stay as they are. */
  renew(certificate: IssuedServerCertificate): void {
    this.#tls.setSecureContext(secureContext(this.#parts.authorities, certificate));
  }

  /** Why a connection was not identified, for the answer to its calls. */
  reasonOf(peer: string): { counter: "calls_without_certificate" | "calls_with_foreign_certificate"; reason: string } {
    const reason = this.#byPeer.get(peer)?.reason ?? "";
    return reason === ""
      ? { counter: "calls_without_certificate", reason: "no certificate was shown" }
      : { counter: "calls_with_foreign_certificate", reason };
  }

  /** Cuts the connection that a node's stream came over. */
  cut(peer: NodePeer): void {
    const connection = this.#byPeer.get(peer.remote);
    if (connection?.nodeId === peer.nodeId) connection.socket.destroy();
  }

  /** Cuts the connections that a node has now, after graceMs in which it can still read why. */
  cutNode(nodeId: string, graceMs: number): void {
    const connections = [...this.#byPeer.values()].filter((connection) => connection.nodeId === nodeId);
    if (connections.length === 0) return;
    this.#parts.clock.schedule(graceMs, () => {
      for (const { socket } of connections) socket.destroy();
    });
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** Accepts nothing any more and cuts what is open. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const { counters, refusals, limits } = this.#parts;
    const remote = socket.remoteAddress;
    // Errors of a connection end it, which is all there is to do; its streams see it close.
    socket.on("error", () => socket.destroy());
    if (remote === undefined) return void socket.destroy();
    const leave = this.#perAddress.take(addressKey(remote));
    if (leave === null) {
      refusals.refused(
        "connections_refused_per_address",
        { remote },
        `connection refused: ${limits.connectionsPerAddressMax} of this address are open`,
      );
      return void socket.destroy();
    }
    counters.add("connections_accepted");
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      leave();
    });
    this.#tls.emit("connection", socket);
  }

  #secured(socket: TLSSocket): void {
    const { authorities, clock, refusals, limits } = this.#parts;
    socket.on("error", () => socket.destroy());
    const remote = socket.remoteAddress;
    if (remote === undefined || socket.destroyed) return void socket.destroy();
    const peer = `${remote}:${socket.remotePort}`;
    const der: Buffer | undefined = socket.getPeerCertificate().raw;
    const trusted = authorities.trusted.map((authority) => authority.certificate);
    const certificate: NodeCertificate | null =
      der === undefined ? null : readNodeCertificate(der, trusted, clock.wallMs());
    const nodeId = certificate?.kind === "node" && socket.authorized ? certificate.nodeId : null;
    const leave = nodeId === null ? this.#unidentified.take(addressKey(remote)) : this.#perNode.take(nodeId);
    if (leave === null) {
      if (nodeId === null) {
        const text = `connection refused: ${limits.unidentifiedPerAddressMax} without a certificate are open`;
        refusals.refused("connections_refused_unidentified", { remote }, text);
      } else {
        const text = `connection refused: ${limits.connectionsPerNodeMax} of this node are open`;
        refusals.refused("connections_refused_per_node", { remote, nodeId }, text);
      }
      return void socket.destroy();
    }
    const reason = certificate === null ? "" : this.#reasonAgainst(certificate, der);
    const connection = { socket, nodeId, reason };
    this.#byPeer.set(peer, connection);
    const cancelLife =
      nodeId === null ? clock.schedule(limits.unidentifiedLifeMs, () => socket.destroy()) : (): void => {};
    socket.once("close", () => {
      leave();
      cancelLife();
      if (this.#byPeer.get(peer) === connection) this.#byPeer.delete(peer);
    });
    if (nodeId !== null) return this.#parts.identified(socket);
    if (reason !== "")
      refusals.refused("handshakes_foreign_certificate", { remote, reason }, "certificate not accepted");
    this.#parts.unidentified(socket);
  }

  #reasonAgainst(certificate: NodeCertificate, der: Uint8Array | undefined): string {
    if (certificate.kind === "node") return "it was not accepted";
    const retired = certificate.kind === "foreign" && der ? retiredAt(this.#parts.authorities, der) : null;
    if (retired === null) return certificate.reason;
    const when = retired.toISOString();
    return `the certificate is of an authority that another one has replaced at ${when}, while this node was away or left behind`;
  }
}

/** Null also for what is no certificate. */
function retiredAt(authorities: Pick<FleetAuthorities, "retiredAt">, der: Uint8Array): Date | null {
  try {
    return authorities.retiredAt(der);
  } catch {
    return null;
  }
}

function secureContext({ trusted }: Pick<FleetAuthorities, "trusted">, certificate: IssuedServerCertificate) {
  return {
    ca: trusted.map(({ caPem }) => caPem),
    cert: certificate.chainPem,
    key: certificate.keyPem,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
  } as const;
}
