import type { IncomingMessage, ServerResponse } from "node:http";
import { type DescMethodUnary, type DescService, type Message, toJsonString } from "@bufbuild/protobuf";
import { readJsonBody } from "./request-body.ts";
import { requestMessage } from "./request-message.ts";
import { badRequest, RestError } from "./rest-error.ts";
import { answerError, answerJson, pathAndQuery, type RestContext, restContext } from "./rest-exchange.ts";
import { buildRouteTable, type RouteTable } from "./route-table.ts";

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
    const [path, query] = pathAndQuery(request);
    if (path !== PREFIX && !path.startsWith(`${PREFIX}/`)) return false;
    const context = restContext(request, response);
    let method: DescMethodUnary | undefined;
    try {
      const { route, fields } = findRoute(table, request.method ?? "", path);
      method = route.method;
      const body = await readJsonBody(request, options.bodyBytesMax ?? BODY_BYTES_MAX);
      const parts = { route, pathFields: fields, query: new URLSearchParams(query), body };
      const answer = await options.invoke(method, requestMessage(parts), context);
      answerJson(response, 200, {}, toJsonString(method.output, answer, { alwaysEmitImplicit: true }));
    } catch (thrown) {
      if (answerError(response, thrown).status === 500) options.onInternalError?.(thrown, method);
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
