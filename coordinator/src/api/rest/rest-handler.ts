import type { IncomingMessage, ServerResponse } from "node:http";
import { type DescMethodUnary, type DescService, type Message, toJsonString } from "@bufbuild/protobuf";
import { readJsonBody } from "./request-body.ts";
import { FieldProblem } from "./request-field.ts";
import { requestMessage } from "./request-message.ts";
import { badRequest, RestError, restErrorOf } from "./rest-error.ts";
import { buildRouteTable, type RouteTable } from "./route-table.ts";

/** What goes with a call besides its message. */
export type RestContext = {
  readonly headers: Headers;
  /** Fires when the caller goes away before the answer. */
  readonly signal: AbortSignal;
  /** The caller's address as the socket knows it; empty when it is gone already. */
  readonly remoteAddress: string;
};

/** Calls a unary method with everything that stands before it (sign-in, permission, validation). Throws ConnectError. */
export type UnaryInvoke = (method: DescMethodUnary, request: Message, context: RestContext) => Promise<Message>;

/** What the REST front needs. */
export type RestHandlerOptions = {
  readonly services: readonly DescService[];
  readonly invoke: UnaryInvoke;
  /** The largest body that is read; a larger one gets 413. */
  readonly bodyBytesMax?: number;
  /** Told of every error that is answered with 500; the caller sees nothing of it. */
  readonly onInternalError?: (error: unknown, method: DescMethodUnary | undefined) => void;
};

/** Answers one request; resolves with false, touching nothing, when its path is not of the REST API. Never rejects. */
export type RestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

const PREFIX = "/api/v1";
const BODY_BYTES_MAX = 1024 * 1024;

/**
 * The REST front of the public API: one generic transcoder over the descriptors. Everything below /api/v1 is answered in
 * JSON, errors as `{"error": …}` (see RestErrorBody). Fields with their default value are always printed.
 */
export function createRestHandler(options: RestHandlerOptions): RestHandler {
  const table = buildRouteTable(options.services);
  return async (request, response) => {
    const [path = "", query = ""] = splitOnce(request.url ?? "", "?");
    if (path !== PREFIX && !path.startsWith(`${PREFIX}/`)) return false;
    const abort = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) abort.abort();
    });
    let method: DescMethodUnary | undefined;
    try {
      const { route, fields } = findRoute(table, request.method ?? "", path);
      method = route.method;
      const body = await readJsonBody(request, options.bodyBytesMax ?? BODY_BYTES_MAX);
      const parts = { route, pathFields: fields, query: new URLSearchParams(query), body };
      const context: RestContext = {
        headers: headersOf(request),
        signal: abort.signal,
        remoteAddress: request.socket.remoteAddress ?? "",
      };
      const answer = await options.invoke(method, requestMessage(parts), context);
      send(response, 200, {}, toJsonString(method.output, answer, { alwaysEmitImplicit: true }));
    } catch (thrown) {
      const error = thrown instanceof FieldProblem ? badRequest(thrown.message, thrown.field) : restErrorOf(thrown);
      if (error.status === 500) options.onInternalError?.(thrown, method);
      send(response, error.status, error.headers, JSON.stringify({ error: error.body }));
    }
    return true;
  };
}

function findRoute(table: RouteTable, verb: string, path: string) {
  const match = table.find(verb, path);
  switch (match.kind) {
    case "route":
      return match;
    case "malformed":
      throw badRequest(`the path has a malformed escape in "${match.segment}"`, "");
    case "wrong_verb":
      throw new RestError(
        405,
        {
          code: "method_not_allowed",
          message: `${verb} is not served at this path`,
          nextStep: `Use ${match.allowed.join(" or ")}.`,
        },
        { allow: match.allowed.join(", ") },
      );
    case "unknown":
      throw new RestError(404, {
        code: "unknown_path",
        message: "there is nothing at this path",
        nextStep: "See /openapi.json for the paths of this API.",
      });
    default:
      return match satisfies never;
  }
}

function headersOf(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    // HTTP/2 pseudo headers are not headers.
    if (value === undefined || name.startsWith(":")) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  return headers;
}

function send(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, text: string): void {
  // The caller may be gone; then there is nobody to tell.
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(text);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
