import type { IncomingMessage, ServerResponse } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { createAsyncIterable, readAllBytes, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorFromJsonBytes, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { Logger } from "pino";
import { apiError, codeOf } from "./api-error.ts";
import { toApiError } from "./error-mapping.ts";
import { sendError } from "./json-answer.ts";
import { callContext, type RpcEndpoint } from "./rpc-endpoint.ts";

/** Error bodies are ours and small; anything longer is passed on as it is. */
const ERROR_BYTES_MAX = 64 * 1024;

/**
 * Serves a request to a Connect, gRPC or gRPC-Web path; false, touching nothing, when its path is none. Errors that the
 * protocol layer raises before our code runs (malformed JSON, an unknown field, a message that is too large) get an
 * ErrorDetail like all others; over gRPC-Web they have the code and the message only.
 */
export function serveRpc(
  endpoint: RpcEndpoint,
  log: Logger,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): boolean {
  const handler = endpoint.handlers.get(path);
  if (handler === undefined) return false;
  const context = callContext(requestId, request.socket.remoteAddress ?? "", request.headers.host ?? "");
  let universal: ReturnType<typeof universalRequestFromNodeRequest>;
  try {
    universal = universalRequestFromNodeRequest(request, response, undefined, context);
  } catch (thrown) {
    // No authority, or one that is no URL.
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    sendError(response, 400, "invalid_argument", `The request cannot be read: ${reason}.`);
    return true;
  }
  handler(universal)
    .then((answer) => withDetail(answer, requestId))
    .then((answer) => universalResponseToNodeResponse(answer, response))
    .catch((thrown: unknown) => {
      // The caller went away while we wrote: its right, and nobody is there to tell.
      const { code } = ConnectError.from(thrown);
      if (code !== Code.Aborted && code !== Code.Canceled)
        log.warn({ requestId, path, err: thrown }, "answer broke off");
      response.destroy();
    });
  return true;
}

async function withDetail(answer: UniversalServerResponse, requestId: string): Promise<UniversalServerResponse> {
  if (answer.trailer !== undefined) return { ...answer, body: withTrailerDetail(answer, answer.trailer, requestId) };
  const type = answer.header?.get("content-type") ?? "";
  const encoded = answer.header?.get("content-encoding") ?? "identity";
  if (answer.status < 400 || type !== "application/json" || encoded !== "identity" || answer.body === undefined) {
    return answer;
  }
  const bytes = await readAllBytes(answer.body, ERROR_BYTES_MAX);
  const error = errorFromJsonBytes(bytes, undefined, new ConnectError("unknown", Code.Unknown));
  if (codeOf(error) !== null) return { ...answer, body: createAsyncIterable([bytes]) };
  const mended = detailed(error, requestId);
  const body = errorToJsonBytes(mended, undefined);
  answer.header?.set("content-length", String(body.byteLength));
  return { ...answer, status: codeToHttpStatus(mended.code), body: createAsyncIterable([body]) };
}

/** What the protocol layer says of a message that it cannot read; it calls that internal, though the sender is at fault. */
const UNREADABLE = /^(parse (binary|json)|promised \d+ bytes|protocol error)/i;

/** Every error of our own code has its detail already: this one comes from reading the request. */
function detailed(error: ConnectError, requestId: string): ConnectError {
  if (error.code === Code.Internal && UNREADABLE.test(error.rawMessage)) {
    return apiError("invalid_argument", `The message cannot be read: ${error.rawMessage}.`);
  }
  return toApiError(error, requestId);
}

/** gRPC's status stands in the trailer, which is complete once the body has been read. */
async function* withTrailerDetail(
  answer: UniversalServerResponse,
  trailer: Headers,
  requestId: string,
): AsyncIterable<Uint8Array> {
  if (answer.body !== undefined) yield* answer.body;
  const error = findTrailerError(trailer);
  if (error === undefined || codeOf(error) !== null) return;
  setTrailerStatus(trailer, detailed(error, requestId));
}
