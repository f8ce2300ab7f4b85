import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
} from "@connectrpc/connect";
import { createUniversalHandlerClient, type UniversalHandler } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import type { RestContext } from "./rest-exchange.ts";
import type { UnaryInvoke } from "./rest-handler.ts";

/** What the calls pass through on their way. */
export type ConnectInvokeOptions = {
  /** The same routes and options (interceptors) that Connect and gRPC callers get. */
  readonly routes: (router: ConnectRouter) => void;
  readonly router: ConnectRouterOptions;
  /** What interceptors and handlers find in their context values, such as the caller's address. */
  readonly contextValues: (context: RestContext) => ContextValues;
};

/** Headers that describe the REST body and connection; the call inside has its own. */
const OWN_HEADERS = /^(content-|connect-|grpc-)|^(transfer-encoding|connection|host|te|accept|accept-encoding)$/;

/**
 * For tests of the REST front alone: calls routes in this process through Connect, so that one set of interceptors signs in,
 * permits, validates and maps errors for every protocol.
 */
export function connectInvoke({ routes, router: options, contextValues }: ConnectInvokeOptions): UnaryInvoke {
  const router = createConnectRouter({ ...options, connect: true });
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return async (method: DescMethodUnary, request: Message, context: RestContext) => {
    const handler = handlers.get(`/${method.parent.typeName}/${method.name}`);
    if (handler === undefined) throw new ConnectError(`${method.name} is not served`, Code.Unimplemented);
    const headers = new Headers(context.headers);
    for (const name of [...headers.keys()]) if (OWN_HEADERS.test(name)) headers.delete(name);
    const transport = transportTo(handler, contextValues(context));
    const answer = await transport.unary(method, context.signal, undefined, headers, request);
    return answer.message;
  };
}

/** An in-memory transport to one handler that sees the given context values; Connect's own drops them. */
function transportTo(handler: UniversalHandler, contextValues: ContextValues) {
  const call: UniversalHandler = Object.assign(
    (request: Parameters<UniversalHandler>[0]) => handler({ ...request, contextValues }),
    handler,
  );
  return createTransport({
    httpClient: createUniversalHandlerClient([call]),
    baseUrl: "https://in-memory",
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: Number.MAX_SAFE_INTEGER,
    readMaxBytes: Number.MAX_SAFE_INTEGER,
    writeMaxBytes: Number.MAX_SAFE_INTEGER,
  });
}
