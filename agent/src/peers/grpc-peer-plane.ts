import type { Voter } from "@lormas/lease/membership.ts";
import type { Logger } from "pino";
import type { BootClock, Timers, WallClock } from "../clock/clock.ts";
import type { Credentials } from "../session/credentials.ts";
import type { KeptPort } from "./kept-port.ts";
import { type HostPort, hostPortText, isEveryAddress } from "./peer-address.ts";
import { PeerDialler } from "./peer-dialler.ts";
import { PEER_LIMITS, type PeerLimits } from "./peer-limits.ts";
import type { PeerAnswer, PeerAnswering, PeerPlane, PeerQuestion } from "./peer-plane.ts";
import { PeerServer } from "./peer-server.ts";
import { TroubleLog } from "./trouble-log.ts";

export type GrpcPeerPlaneOptions = {
  readonly credentials: () => Credentials;
  /** Port 0: a free one, the same at every start where it can be had. */
  readonly listen: HostPort;
  /** "host:port" that peers are told; null: where this agent listens, or `address` with that port. */
  readonly advertise: string | null;
  /** Where this node's containers are reached; peers reach it there when it listens at every address. */
  readonly address: string;
  readonly keptPort: KeptPort;
  readonly clock: BootClock;
  readonly timers: Timers;
  readonly wall: WallClock;
  readonly log: Logger;
  readonly limits?: PeerLimits;
};

/** The way from agent to agent over gRPC and mutual TLS with the fleet's own certificates. */
export class GrpcPeerPlane implements PeerPlane {
  readonly address: string;
  readonly #server: PeerServer;
  readonly #dialler: PeerDialler;

  private constructor(address: string, server: PeerServer, dialler: PeerDialler) {
    this.address = address;
    this.#server = server;
    this.#dialler = dialler;
  }

  /** Listens; rejects with what to do when that cannot be. */
  static async open(options: GrpcPeerPlaneOptions): Promise<GrpcPeerPlane> {
    const { credentials, listen, advertise, keptPort, clock, timers, wall } = options;
    const limits = options.limits ?? PEER_LIMITS;
    const troubles = new TroubleLog(options.log, clock);
    const server = new PeerServer({ credentials: credentials(), limits, clock, wall, troubles });
    const port = await listening(server, listen, keptPort);
    const host = isEveryAddress(listen.host) ? options.address : listen.host;
    const dialler = new PeerDialler({ credentials, limits, timers, wall, troubles });
    return new GrpcPeerPlane(advertise ?? hostPortText({ host, port }), server, dialler);
  }

  ask(voter: Voter, question: PeerQuestion, timeoutMs: number): Promise<PeerAnswer | null> {
    return this.#dialler.ask(voter, question, timeoutMs);
  }

  prepare(voters: readonly Voter[]): void {
    this.#dialler.prepare(voters);
  }

  serve(answering: PeerAnswering): void {
    this.#server.serve(answering);
  }

  keep(voters: readonly Voter[]): void {
    this.#dialler.keep(voters);
  }

  /** The node's certificate was renewed: connections from now on show it. */
  renew(credentials: Credentials): void {
    this.#server.renew(credentials);
  }

  /** Connections of peers to this node, and voters that this node has a connection to. */
  get open(): { readonly askers: number; readonly voters: number } {
    return { askers: this.#server.open, voters: this.#dialler.lines };
  }

  async close(): Promise<void> {
    this.#dialler.close();
    await this.#server.close();
  }
}

async function listening(server: PeerServer, at: HostPort, kept: KeptPort): Promise<number> {
  if (at.port === 0) {
    const before = await kept.read();
    if (before !== null) {
      const port = await server.listen({ ...at, port: before }).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "EADDRINUSE") return null;
        throw refused(at, error);
      });
      if (port !== null) return port;
    }
  }
  const port = await server.listen(at).catch((error: NodeJS.ErrnoException) => {
    throw refused(at, error);
  });
  if (at.port === 0) await kept.write(port);
  return port;
}

function refused(at: HostPort, error: NodeJS.ErrnoException): Error {
  const where = hostPortText(at);
  const reason =
    error.code === "EADDRINUSE"
      ? `another agent or program listens there`
      : error.code === "EADDRNOTAVAIL"
        ? `that address is not one of this host`
        : error.message;
  return new Error(
    `the peer plane cannot listen on ${where}: ${reason}. Choose another with --peer-listen HOST:PORT ` +
      "(port 0 takes a free one; --peer-address names what peers dial), or switch it off with --peer-listen off",
    { cause: error },
  );
}
