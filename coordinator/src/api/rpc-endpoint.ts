import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageShape,
} from "@bufbuild/protobuf";
import {
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
  createContextValues,
  createHandlerContext,
  createServiceImplSpec,
  type HandlerContext,
  type Interceptor,
  type MethodImplSpec,
  type ServiceImpl,
  type ServiceImplSpec,
} from "@connectrpc/connect";
import {
  createAsyncIterable,
  createMethodUrl,
  invokeUnaryImplementation,
  transformInvokeImplementation,
  type UniversalHandler,
} from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import { peerKey, requestIdKey } from "./call-context.ts";
import { toApiError } from "./error-mapping.ts";
import { type AnsweringBinding, answeringOnce } from "./request-once-interceptor.ts";

/** The largest message that is read, bytes. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
/** The longest timeout that a caller may ask for, milliseconds: a watch may last for weeks. */
const TIMEOUT_MS_MAX = 30 * 24 * 3_600_000;

/** A call that came in by another way than Connect, gRPC or gRPC-Web. */
export type InProcessCall = {
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly remoteAddress: string;
  readonly requestId: string;
};

/** What stands before every call, whatever its protocol. */
export type RpcGuards = {
  readonly gate: (context: HandlerContext) => Promise<void>;
  readonly interceptors: Interceptor[];
};

/**
 * The services of the public plane. Connect, gRPC and gRPC-Web reach them through `handlers`, the REST front through
 * `invoke`; both pass the same gate and the same interceptors.
 */
export class RpcEndpoint {
  readonly handlers: ReadonlyMap<string, UniversalHandler>;
  readonly services: readonly DescService[];
  readonly #guards: RpcGuards;
  readonly #specs: ReadonlyMap<string, ServiceImplSpec>;

  constructor(guards: RpcGuards, given: readonly ServiceBinding[]) {
    const bindings = given.map(answeringOnce);
    const options: ConnectRouterOptions = {
      requestGate: guards.gate,
      interceptors: guards.interceptors,
      acceptCompression: [compressionGzip],
      readMaxBytes: MESSAGE_BYTES_MAX,
      maxTimeoutMs: TIMEOUT_MS_MAX,
      // A misspelt field must not be dropped in silence.
      jsonOptions: { ignoreUnknownFields: false, alwaysEmitImplicit: true },
    };
    const router = createConnectRouter(options);
    for (const { service, implementation } of bindings) router.service(service, implementation);
    this.handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
    this.services = bindings.map(({ service }) => service);
    this.#guards = guards;
    this.#specs = new Map(
      bindings.map(({ service, implementation }) => [service.typeName, createServiceImplSpec(service, implementation)]),
    );
  }

  /** Calls a unary method inside this process. Throws errors of the closed set only. */
  async invoke(method: DescMethodUnary, request: Message, call: InProcessCall): Promise<Message> {
    const spec = this.#specOf(method);
    if (spec?.kind !== "unary") throw new Error(`${method.parent.typeName}/${method.name} is not a unary method here`);
    const context = inProcessContext(method, call);
    try {
      await this.#guards.gate(context);
      return await invokeUnaryImplementation(spec, context, request, this.#guards.interceptors);
    } catch (thrown) {
      throw toApiError(thrown, call.requestId);
    } finally {
      context.abort();
    }
  }

  /** The same for a method that streams to its caller; what it has to refuse it refuses before its first message. */
  async *stream<O extends DescMessage>(
    method: DescMethodServerStreaming<DescMessage, O>,
    request: Message,
    call: InProcessCall,
  ): AsyncGenerator<MessageShape<O>> {
    const spec = this.#specOf(method);
    if (spec?.kind !== "server_streaming") {
      throw new Error(`${method.parent.typeName}/${method.name} does not stream to its caller here`);
    }
    const context = inProcessContext(method, call);
    try {
      await this.#guards.gate(context);
      const answers = transformInvokeImplementation(spec, context, this.#guards.interceptors);
      // The method's own descriptor says what its messages are; the table of methods knows them as messages alone.
      yield* answers(createAsyncIterable([request])) as AsyncIterable<MessageShape<O>>;
    } catch (thrown) {
      throw toApiError(thrown, call.requestId);
    } finally {
      context.abort();
    }
  }

  #specOf(method: DescMethod): MethodImplSpec | undefined {
    return this.#specs.get(method.parent.typeName)?.methods[method.localName];
  }
}

function inProcessContext(method: DescMethod, call: InProcessCall) {
  return createHandlerContext({
    service: method.parent,
    method,
    protocolName: "rest",
    requestMethod: "POST",
    url: createMethodUrl("http://in-process", method),
    requestHeader: call.headers,
    requestSignal: call.signal,
    contextValues: callContext(call.requestId, call.remoteAddress, call.headers.get("host") ?? ""),
  });
}

/** A service and what implements it. */
export type ServiceBinding = {
  readonly service: DescService;
  readonly implementation: Partial<ServiceImpl<DescService>>;
  readonly again?: NonNullable<AnsweringBinding["again"]>;
};

/** By method: what it asks of its caller by itself, to be asked once more before an answer that was kept is given again. */
export type AgainDemands<T extends DescService> = {
  readonly [M in keyof T["method"]]?: (
    request: MessageShape<T["method"][M]["input"]>,
    context: HandlerContext,
  ) => Promise<void>;
};

/** Binds an implementation to its service; checks that they fit, which the list of bindings cannot any more. */
export function bind<T extends DescService>(
  service: T,
  implementation: ServiceImpl<T>,
  again: AgainDemands<T> = {},
): ServiceBinding {
  // Each method's type was checked here; the router only sees descriptors.
  return {
    service,
    implementation: implementation as Partial<ServiceImpl<DescService>>,
    again: again as NonNullable<ServiceBinding["again"]>,
  };
}

/** The context values that every call starts with. */
export function callContext(requestId: string, remoteAddress: string, host: string): ContextValues {
  return createContextValues().set(requestIdKey, requestId).set(peerKey, { remoteAddress, host });
}
