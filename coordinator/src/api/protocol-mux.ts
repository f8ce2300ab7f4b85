import net from "node:net";
import type { Logger } from "pino";
import type { Clock } from "../runtime/clock.ts";

/** The first bytes of every HTTP/2 connection. */
const PREFACE_START = Buffer.from("PRI ");
/** What an HTTP/1.1 method begins with. */
const METHOD_BYTE = { min: 0x41, max: 0x5a } as const;

export type MuxLimits = {
  /** Within which a new connection must say something, milliseconds. */
  readonly firstBytesMs: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
};

export const MUX_LIMITS: MuxLimits = { firstBytesMs: 10_000, connectionsMax: 4_000, connectionsPerAddressMax: 1_000 };

/** Where connections go once their protocol is known. */
export type MuxTargets = {
  readonly http1: (socket: net.Socket) => void;
  readonly http2: (socket: net.Socket) => void;
  /** Set where the port speaks TLS: takes every connection, whose protocol TLS itself then says. */
  readonly tls?: (socket: net.Socket) => void;
};

/**
 * One port for HTTP/1.1 and HTTP/2. In plain text, HTTP/2 comes with prior knowledge and is told apart by the first bytes;
 * what is neither, says nothing in time, or comes on top of the bounds, is closed without an answer.
 */
export class ProtocolMux {
  readonly #server: net.Server;
  readonly #sockets = new Map<net.Socket, string>();
  readonly #perAddress = new Map<string, number>();
  readonly #targets: MuxTargets;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limits: MuxLimits;

  constructor(targets: MuxTargets, clock: Clock, log: Logger, limits: MuxLimits = MUX_LIMITS) {
    this.#targets = targets;
    this.#clock = clock;
    this.#log = log;
    this.#limits = limits;
    this.#server = net.createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }, (socket) =>
      this.#accept(socket),
    );
    this.#server.on("error", (error) => this.#log.error({ err: error }, "the public port failed"));
  }

  /** Connections open now. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Binds the port; resolves with where it listens (port 0 takes a free one). Rejects when it is taken. */
  listen(host: string, port: number): Promise<net.AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port, backlog: 511 }, () => {
        this.#server.off("error", reject);
        const address = this.#server.address();
        if (address === null || typeof address === "string") reject(new Error(`not a TCP port: ${address}`));
        else resolve(address);
      });
    });
  }

  /** Takes no more connections; those that are open go on. */
  stopAccepting(): void {
    this.#server.close();
  }

  /** Resolves when no connection is open, or with false after `withinMs`. */
  drained(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      let cancelCheck: () => void = () => {};
      const cancel = this.#clock.schedule(withinMs, () => {
        cancelCheck();
        resolve(this.#sockets.size === 0);
      });
      const check = (): void => {
        if (this.#sockets.size > 0) {
          cancelCheck = this.#clock.schedule(20, check);
          return;
        }
        cancel();
        resolve(true);
      };
      check();
    });
  }

  /** Ends every connection now. */
  destroyAll(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  #accept(socket: net.Socket): void {
    const address = socket.remoteAddress ?? "";
    const fromThere = this.#perAddress.get(address) ?? 0;
    if (this.#sockets.size >= this.#limits.connectionsMax || fromThere >= this.#limits.connectionsPerAddressMax) {
      this.#log.warn({ address, connections: this.#sockets.size, fromThere }, "too many connections; one was closed");
      socket.destroy();
      return;
    }
    this.#sockets.set(socket, address);
    this.#perAddress.set(address, fromThere + 1);
    socket.once("close", () => this.#forget(socket));
    // Whoever takes the connection over adds its own; without one a reset would end the process.
    socket.on("error", () => socket.destroy());
    if (this.#targets.tls === undefined) this.#awaitFirstBytes(socket);
    else this.#targets.tls(socket);
  }

  #forget(socket: net.Socket): void {
    const address = this.#sockets.get(socket) ?? "";
    this.#sockets.delete(socket);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  #awaitFirstBytes(socket: net.Socket): void {
    const cancel = this.#clock.schedule(this.#limits.firstBytesMs, () => socket.destroy());
    socket.once("close", cancel);
    let held: Buffer = Buffer.alloc(0);
    const onReadable = (): void => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) return;
      // Kept aside while undecided: bytes that are put back would wake this again at once.
      held = Buffer.concat([held, bytes]);
      const protocol = protocolOf(held);
      if (protocol === "unknown_yet") return;
      cancel();
      socket.off("readable", onReadable);
      socket.off("end", onEnd);
      if (protocol === "neither") {
        socket.destroy();
        return;
      }
      socket.unshift(held);
      this.#targets[protocol](socket);
    };
    const onEnd = (): void => {
      socket.destroy();
    };
    socket.on("readable", onReadable);
    socket.once("end", onEnd);
  }
}

/** What the first bytes of a connection say. */
export function protocolOf(bytes: Buffer): "http1" | "http2" | "neither" | "unknown_yet" {
  const first = bytes[0] ?? 0;
  if (first < METHOD_BYTE.min || first > METHOD_BYTE.max) return "neither";
  const start = bytes.subarray(0, PREFACE_START.length);
  if (start.length === PREFACE_START.length) return start.equals(PREFACE_START) ? "http2" : "http1";
  return PREFACE_START.subarray(0, start.length).equals(start) ? "unknown_yet" : "http1";
}
