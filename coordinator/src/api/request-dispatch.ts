import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type ServerHttp2Stream } from "node:http2";
import type { Logger } from "pino";
import type { Clock } from "../runtime/clock.ts";
import { OWN_ID_PREFIX } from "../runtime/request-behind.ts";
import type { ServedRequests } from "../runtime/request-scope.ts";
import { serveRpc } from "./connect-handler.ts";
import { crossSiteProblem } from "./cross-site-guard.ts";
import { type Dashboard, isEncrypted } from "./dashboard.ts";
import { sendError } from "./json-answer.ts";
import { isLoopbackHost } from "./loopback.ts";
import { type Readiness, serveProbe } from "./probes.ts";
import type { RpcEndpoint } from "./rpc-endpoint.ts";

/** How long a request may take to arrive, milliseconds; streams towards the server excepted. */
export const REQUEST_ARRIVES_MS_MAX = 30_000;

/** For a year, browsers come back over TLS alone. */
const STRICT_TRANSPORT = "max-age=31536000";

/** Everything a request can be for. */
export type Destinations = {
  readonly endpoint: RpcEndpoint;
  readonly rest: (request: IncomingMessage, response: ServerResponse, requestId: string) => Promise<boolean>;
  readonly auth: (request: IncomingMessage, response: ServerResponse, requestId: string) => Promise<void>;
  readonly openApi: () => Promise<string>;
  readonly readiness: Readiness;
  readonly dashboard: Dashboard;
};

/**
 * What a caller may call its request: enough to tell it by, and nothing that a log or a header would stumble over, or that names a
 * decision which nobody has asked for.
 */
const CALLERS_REQUEST_ID = new RegExp(`^(?!${OWN_ID_PREFIX})[A-Za-z0-9._-]{8,64}$`);

/** How requests are told apart, and who is told which is being served. */
export type RequestNames = { readonly next: () => string; readonly served: ServedRequests };

/** For what sets no policy of its own: data, which needs no right to load anything. SvelteKit's pages set theirs. */
const DEFAULT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Answers every request of the public port, first match: probes, openapi.json, sign-in, REST, Connect and gRPC, and the
 * dashboard for the rest. Each answer names its request in x-request-id: as the caller did, if that is 8 to 64 letters, digits,
 * dots, hyphens and underscores, else as `names` does. Never throws.
 */
export function requestDispatch(
  destinations: Destinations,
  names: RequestNames,
  clock: Clock,
  log: Logger,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const given = request.headers["x-request-id"];
    const requestId = typeof given === "string" && CALLERS_REQUEST_ID.test(given) ? given : names.next();
    setHeaders(request, response, requestId);
    const { handlers } = destinations.endpoint;
    const [path = ""] = (request.url ?? "").split("?", 1);
    const method = handlers.get(path)?.method;
    const streamsIn = method?.methodKind === "bidi_streaming" || method?.methodKind === "client_streaming";
    if (!streamsIn) boundArrival(request, clock);
    if (method === undefined) logWhenDone(request, response, path, requestId, clock, log);
    const answered = names.served.within(requestId, () =>
      dispatch(destinations, request, response, path, requestId, log),
    );
    answered.catch((error: unknown) => {
      log.error({ requestId, path, err: error }, "a request failed");
      sendError(response, 500, "internal", `The coordinator failed on request ${requestId}; the cause is in its log.`);
      if (!response.writableEnded) response.destroy();
    });
  };
}

async function dispatch(
  to: Destinations,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  requestId: string,
  log: Logger,
): Promise<void> {
  const foreign = crossSiteProblem(request);
  if (foreign !== null) return sendError(response, 403, "cross_site", foreign);
  if (await serveProbe(path, response, to.readiness)) return;
  if (path === "/openapi.json") return serveOpenApi(to, response, requestId, log);
  if (path === "/api/auth" || path.startsWith("/api/auth/")) return to.auth(request, response, requestId);
  if (serveRpc(to.endpoint, log, path, request, response, requestId)) return;
  if (await to.rest(request, response, requestId)) return;
  if (request.headers["content-type"]?.startsWith("application/grpc") === true) {
    // What a gRPC client understands, also for a service that is not there.
    response.writeHead(200, {
      "content-type": "application/grpc",
      "grpc-status": "12",
      "grpc-message": "unknown service or method",
    });
    response.end();
    return;
  }
  to.dashboard(request, response);
}

async function serveOpenApi(to: Destinations, response: ServerResponse, requestId: string, log: Logger): Promise<void> {
  let text: string;
  try {
    text = await to.openApi();
  } catch (error) {
    log.error({ requestId, err: error }, "gen/openapi.yaml cannot be read; run npm run gen");
    return sendError(
      response,
      500,
      "internal",
      `The coordinator failed on request ${requestId}; the cause is in its log.`,
    );
  }
  response.writeHead(200, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "public, max-age=60",
  });
  response.end(text);
}

function setHeaders(request: IncomingMessage, response: ServerResponse, requestId: string): void {
  // HTTP/2 has no Host header; everybody behind this point reads it.
  const authority = request.headers[":authority"];
  if (request.headers.host === undefined && typeof authority === "string") request.headers.host = authority;
  // A browser would apply it to every port of this machine.
  if (isEncrypted(request) && !isLoopbackHost(request.headers.host ?? "")) {
    response.setHeader("strict-transport-security", STRICT_TRANSPORT);
  }
  response.setHeader("x-request-id", requestId);
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("referrer-policy", "same-origin");
  response.setHeader("x-frame-options", "DENY");
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("cross-origin-resource-policy", "same-origin");
  response.setHeader("content-security-policy", DEFAULT_POLICY);
}

function boundArrival(request: IncomingMessage, clock: Clock): void {
  const cancel = clock.schedule(REQUEST_ARRIVES_MS_MAX, () => {
    if (!request.complete) giveUp(request);
  });
  request.once("end", cancel);
  request.once("close", cancel);
}

/** Ends a request that does not arrive: over HTTP/1.1 its connection, over HTTP/2 its stream alone. */
function giveUp(request: IncomingMessage & { readonly stream?: ServerHttp2Stream }): void {
  // There, to destroy the request ends what is read, and leaves the stream open for as long as its caller likes.
  request.stream?.close(constants.NGHTTP2_CANCEL);
  request.destroy();
}

function logWhenDone(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  requestId: string,
  clock: Clock,
  log: Logger,
): void {
  const startedMs = clock.bootMs();
  response.once("close", () => {
    log.debug(
      {
        requestId,
        verb: request.method,
        path: path.slice(0, 256),
        status: response.statusCode,
        tookMs: Math.round(clock.bootMs() - startedMs),
      },
      "request",
    );
  });
}
