import http from "node:http";
import http2 from "node:http2";
import type net from "node:net";
import type { Logger } from "pino";
import type { Clock } from "../runtime/clock.ts";
import { MUX_LIMITS, type MuxLimits, ProtocolMux } from "./protocol-mux.ts";

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

/** The public plane's port: HTTP/1.1 and HTTP/2 in plain text. TLS is for what stands in front of it. */
export class PublicServer {
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server;
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #mux: ProtocolMux;

  constructor(listener: RequestListener, clock: Clock, log: Logger, limits: MuxLimits = MUX_LIMITS) {
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
    this.#http1.on("clientError", (error: NodeJS.ErrnoException, socket: net.Socket) => refuse(error, socket));
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
    this.#mux = new ProtocolMux(
      {
        http1: (socket) => this.#http1.emit("connection", socket),
        http2: (socket) => this.#http2.emit("connection", socket),
      },
      clock,
      log,
      limits,
    );
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

/** Answers what is not HTTP with 400 (431, 408) and closes; what a parser says of it is of no use to its sender. */
function refuse(error: NodeJS.ErrnoException, socket: net.Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
}
