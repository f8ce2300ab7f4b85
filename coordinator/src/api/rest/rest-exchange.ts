import type { IncomingMessage, ServerResponse } from "node:http";
import { FieldProblem } from "./request-field.ts";
import { badRequest, type RestError, restErrorOf } from "./rest-error.ts";

/** What goes with a call besides its message. */
export type RestContext = {
  readonly headers: Headers;
  /** Fires when the caller goes away before the answer. */
  readonly signal: AbortSignal;
  /** The caller's address as the socket knows it; empty when it is gone already. */
  readonly remoteAddress: string;
};

/** The path and the query of a request's target, without the "?". */
export function pathAndQuery(request: IncomingMessage): [string, string] {
  const target = request.url ?? "";
  const at = target.indexOf("?");
  return at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
}

export function restContext(request: IncomingMessage, response: ServerResponse): RestContext {
  const abort = new AbortController();
  response.on("close", () => {
    if (!response.writableFinished) abort.abort();
  });
  return {
    headers: headersOf(request),
    signal: abort.signal,
    remoteAddress: request.socket.remoteAddress ?? "",
  };
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

export function answerJson(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): void {
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

/** What a thrown thing is to a REST caller. */
export function restProblem(thrown: unknown): RestError {
  return thrown instanceof FieldProblem ? badRequest(thrown.message, thrown.field) : restErrorOf(thrown);
}

/** Answers with the error that was thrown, and says which it was. */
export function answerError(response: ServerResponse, thrown: unknown): RestError {
  const error = restProblem(thrown);
  answerJson(response, error.status, error.headers, JSON.stringify({ error: error.body }));
  return error;
}
