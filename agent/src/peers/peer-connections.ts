import type { X509Certificate } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import { createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { readAuthorities } from "@lormas/wire/authority-list.ts";
import { readNodeCertificate } from "@lormas/wire/node-certificate.ts";
import type { WallClock } from "../clock/clock.ts";
import type { Credentials } from "../session/credentials.ts";
import type { HostPort } from "./peer-address.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { TroubleLog } from "./trouble-log.ts";

type ConnectionParts = {
  readonly limits: PeerLimits;
  readonly wall: WallClock;
  readonly troubles: TroubleLog;
  /** Takes a connection whose certificate names a node of the fleet. */
  readonly proven: (socket: TLSSocket) => void;
  /** The last connection of a node is closed. */
  readonly gone: (nodeId: string) => void;
};

/** The port of the peer plane: accepts connections within bounds, does TLS 1.3 and finds out which node is there. */
export class PeerConnections {
  readonly #parts: ConnectionParts;
  #authorities: readonly X509Certificate[];
  readonly #tls: TlsServer;
  /** Every open connection, by its other end. */
  readonly #sockets = new Map<string, Socket>();
  /** The address of those that have not shown a node's certificate yet, by their other end. */
  readonly #unproven = new Map<string, string>();
  /** Node ids by the other end. */
  readonly #nodes = new Map<string, string>();
  /** Other ends of each node, oldest first. */
  readonly #ends = new Map<string, string[]>();

  constructor(credentials: Credentials, parts: ConnectionParts) {
    const { limits, troubles } = parts;
    this.#parts = parts;
    this.#authorities = readAuthorities(credentials.caPem);
    this.#tls = createServer({
      ...identity(credentials),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ["h2"],
      handshakeTimeout: limits.handshakeMs,
      noDelay: true,
    });
    this.#tls.maxConnections = limits.connectionsMax;
    this.#tls.on("connection", (socket: Socket) => this.#accept(socket));
    this.#tls.on("secureConnection", (socket) => this.#secured(socket));
    this.#tls.on("tlsClientError", (error, socket) => {
      // OpenSSL's word for it, where it was TLS that failed; Node types the error without it.
      const reason = (error as Error & { readonly reason?: string }).reason ?? error.message;
      troubles.say("handshake", `a connection of a peer came to nothing: ${reason}`, {
        remote: socket.remoteAddress,
      });
      socket.destroy();
    });
  }

  /** Listens; resolves to the port that was taken. Rejects with Node's error. */
  async listen({ host, port }: HostPort): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#tls.once("error", reject);
      this.#tls.listen({ port, ...(host === "" ? {} : { host }) }, () => {
        this.#tls.removeListener("error", reject);
        resolve();
      });
    });
    this.#tls.on("error", (error) => this.#parts.troubles.say("listener", `the peer plane: ${error.message}`, {}));
    // A listening socket has an AddressInfo; only pipes have a string.
    return (this.#tls.address() as AddressInfo).port;
  }

  /** New connections get this certificate, and are held against whom is trusted now; open ones stay as they are. */
  renew(credentials: Credentials): void {
    this.#authorities = readAuthorities(credentials.caPem);
    this.#tls.setSecureContext(identity(credentials));
  }

  /** Which node is at the other end, as its certificate proves; null when nothing is. */
  nodeAt(end: string): string | null {
    return this.#nodes.get(end) ?? null;
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** Accepts nothing any more and cuts what is open. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#tls.close(() => resolve()));
    for (const socket of this.#sockets.values()) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const { limits, troubles } = this.#parts;
    const end = endOf(socket);
    const address = socket.remoteAddress ?? "";
    socket.on("error", () => socket.destroy());
    this.#sockets.set(end, socket);
    this.#unproven.set(end, address);
    socket.once("close", () => {
      this.#sockets.delete(end);
      this.#unproven.delete(end);
      this.#left(end);
    });
    let open = 0;
    for (const other of this.#unproven.values()) if (other === address) open += 1;
    if (open <= limits.unprovenPerAddressMax) return;
    troubles.say("unproven", `connection refused: ${limits.unprovenPerAddressMax} of this address are unproven`, {
      remote: address,
    });
    socket.destroy();
  }

  #secured(socket: TLSSocket): void {
    const { limits, troubles, wall } = this.#parts;
    const end = endOf(socket);
    socket.on("error", () => socket.destroy());
    const der: Buffer | undefined = socket.getPeerCertificate().raw;
    const certificate = der && readNodeCertificate(der, this.#authorities, wall.now().getTime());
    if (!this.#sockets.has(end) || !socket.authorized || certificate?.kind !== "node") {
      const reason = certificate && certificate.kind !== "node" ? certificate.reason : "no certificate was accepted";
      troubles.say("certificate", `a connection of a peer was closed: ${reason}`, { remote: socket.remoteAddress });
      socket.destroy();
      return;
    }
    this.#unproven.delete(end);
    const { nodeId } = certificate;
    this.#nodes.set(end, nodeId);
    const ends = [...(this.#ends.get(nodeId) ?? []), end];
    this.#ends.set(nodeId, ends);
    // A peer that dials anew has given up its older connections, whether or not this end has seen them close.
    for (const surplus of ends.slice(0, -limits.connectionsPerNodeMax)) this.#sockets.get(surplus)?.destroy();
    this.#parts.proven(socket);
  }

  #left(end: string): void {
    const nodeId = this.#nodes.get(end);
    if (nodeId === undefined) return;
    this.#nodes.delete(end);
    const ends = (this.#ends.get(nodeId) ?? []).filter((other) => other !== end);
    if (ends.length > 0) {
      this.#ends.set(nodeId, ends);
      return;
    }
    this.#ends.delete(nodeId);
    this.#parts.gone(nodeId);
  }
}

/** As grpc-js prints the other end of a call. */
function endOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function identity({ keyPem, certificatePem, caPem }: Credentials) {
  return { key: keyPem, cert: certificatePem, ca: caPem, minVersion: "TLSv1.3" as const };
}
