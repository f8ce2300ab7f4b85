import http from "node:http";
import http2 from "node:http2";
import type net from "node:net";
import tls from "node:tls";
import type { Logger } from "pino";
import type { Clock } from "../runtime/clock.ts";
import { MUX_LIMITS, type MuxLimits, ProtocolMux } from "./protocol-mux.ts";
import type { KeyPair } from "./public-certificate.ts";
import { refuseUnreadable } from "./unreadable-request.ts";

/** Headers of one request, bytes. */
const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_COUNT_MAX = 100;
/** Within which the headers of a request must be there, milliseconds. */
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 30_000;
/** How long a connection without a request is kept, milliseconds. */
const IDLE_MS_MAX = 75_000;
/** Streams at once on one HTTP/2 connection. */
const STREAMS_MAX = 200;
const SESSION_MEMORY_MB = 16;

export type RequestListener = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/**
 * The public plane's port: HTTP/1.1 and HTTP/2, in plain text or, with a certificate, over TLS 1.2 and 1.3 alone, where
 * ALPN says which of the two it is.
 */
export class PublicServer {
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server;
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #mux: ProtocolMux;
  readonly #tls: tls.Server | null;

  constructor(
    listener: RequestListener,
    clock: Clock,
    log: Logger,
    limits: MuxLimits = MUX_LIMITS,
    certificate: KeyPair | null = null,
  ) {
    this.#http1 = http.createServer(
      {
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: HEADERS_MS_MAX,
        requestTimeout: REQUEST_MS_MAX,
        keepAliveTimeout: IDLE_MS_MAX,
        connectionsCheckingInterval: 5_000,
        insecureHTTPParser: false,
      },
      listener,
    );
    this.#http1.maxHeadersCount = HEADERS_COUNT_MAX;
    this.#http1.on("clientError", refuseUnreadable);
    // Without a port of its own the server never says this, and then checks no timeouts.
    this.#http1.emit("listening");
    this.#http2 = http2.createServer({
      maxSessionMemory: SESSION_MEMORY_MB,
      maxHeaderListPairs: HEADERS_COUNT_MAX,
      settings: { maxConcurrentStreams: STREAMS_MAX, maxHeaderListSize: HEADER_BYTES_MAX, enablePush: false },
    });
    // The compatibility API gives the same surface as HTTP/1.1, but its types do not say so.
    this.#http2.on("request", listener as unknown as (...parts: unknown[]) => void);
    this.#http2.on("session", (session) => this.#keep(session));
    this.#http2.on("sessionError", (error) => log.debug({ reason: error.message }, "an HTTP/2 connection failed"));
    const encrypted = certificate === null ? null : this.#tlsServer(certificate, limits, log);
    this.#tls = encrypted;
    this.#mux = new ProtocolMux(
      {
        ...(encrypted && { tls: (socket: net.Socket) => encrypted.emit("connection", socket) }),
        http1: (socket) => this.#http1.emit("connection", socket),
        http2: (socket) => this.#http2.emit("connection", socket),
      },
      clock,
      log,
      limits,
    );
  }

  /** From now on new connections get this certificate; those that are open keep theirs. Throws when it is none. */
  useCertificate(pair: KeyPair): void {
    this.#tls?.setSecureContext({ ...pair, minVersion: "TLSv1.2" });
  }

  /** Connections open now. */
  get connectionCount(): number {
    return this.#mux.connectionCount;
  }

  /** Binds the port. Rejects when it is taken. */
  listen(host: string, port: number): Promise<net.AddressInfo> {
    return this.#mux.listen(host, port);
  }

  /** Takes no more connections, lets requests in flight end, and after `graceMs` ends what is left. */
  async stop(graceMs: number): Promise<void> {
    this.#mux.stopAccepting();
    this.#http1.closeIdleConnections();
    // Its port was never its own, so closing says that it does not run; it stops its timeout checks all the same.
    this.#http1.close(() => {});
    for (const session of this.#sessions) session.close();
    if (!(await this.#mux.drained(graceMs))) this.#mux.destroyAll();
  }

  #tlsServer(certificate: KeyPair, { firstBytesMs }: MuxLimits, log: Logger): tls.Server {
    const server = tls.createServer(
      { ...certificate, minVersion: "TLSv1.2", ALPNProtocols: ["h2", "http/1.1"], handshakeTimeout: firstBytesMs },
      (socket) => {
        socket.on("error", () => socket.destroy());
        (socket.alpnProtocol === "h2" ? this.#http2 : this.#http1).emit("connection", socket);
      },
    );
    server.on("tlsClientError", (error, socket) => {
      log.debug({ reason: error.message }, "a TLS handshake failed");
      socket.destroy();
    });
    return server;
  }

  #keep(session: http2.ServerHttp2Session): void {
    this.#sessions.add(session);
    let streams = 0;
    session.on("stream", (stream) => {
      streams += 1;
      stream.once("close", () => {
        streams -= 1;
      });
    });
    session.setTimeout(IDLE_MS_MAX, () => {
      if (streams === 0) session.close();
    });
    session.once("close", () => this.#sessions.delete(session));
  }
}
