import { createHash } from "node:crypto";
import {
  type DescMessage,
  type DescService,
  fromBinary,
  getOption,
  type JsonValue,
  type Message,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import {
  type ContextKey,
  createContextKey,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
} from "@connectrpc/connect";
import { holds_secret } from "@lormas/gen/lormas/api/v1/secret_pb.ts";
import { methodName, textField } from "../audit/audited-methods.ts";
import type { Clock } from "../runtime/clock.ts";
import { type ContainerSecrets, type Keyring, UnopenedSecretError } from "../secrets/keyring.ts";
import {
  NAMED_REQUESTS_MAX,
  type NamedRequest,
  type NamedRequestStore,
  type RequestName,
} from "../store/named-request-store.ts";
import { apiError, codeOf } from "./api-error.ts";
import { callerKey, newIdKey } from "./call-context.ts";
import { toApiError } from "./error-mapping.ts";
import { onlyValidates } from "./only-validates.ts";

/** The field by which a caller names a call. */
const FIELD = "request_id";
/** A call that was begun longer ago than any lasts: whoever was at it has ended without a word. */
export const ABANDONED_MS = 60_000;

/**
 * Lets a call that its caller has named be sent again: within 24 h the same caller's same request under the same name gets the same
 * answer and acts once. One that was refused has changed nothing, and may be tried again under its name. Where nobody knows how the
 * first one ended, because its coordinator was killed or the database did not answer, the next one goes through again, and makes
 * nothing twice: what it makes has an id that belongs to the name (newIdKey), or a name of its own that is taken then. An answer that
 * holds a secret is told once and kept nowhere; the next one is refused, and told that it was done.
 */
export function requestOnceInterceptor(store: NamedRequestStore, keyring: Keyring, clock: Clock): Interceptor {
  return (next) => async (request) => {
    if (request.stream) return next(request);
    // What changes nothing may be sent as often as one likes, and takes no name away from what does.
    if (onlyValidates(request.method.input, request.message)) return next(request);
    const requestId = textField(request.method.input, request.message, FIELD).toLowerCase();
    const caller = request.contextValues.get(callerKey);
    if (requestId === "" || caller === null) return next(request);
    const name = { caller: `${caller.kind}/${caller.id}`, requestId };
    const digest = digestOf(request);
    const fresh = keyring.newSecrets();
    const first = { method: methodName(request.method), secretKey: fresh.key, digest: fresh.seal("digest", digest) };
    const known = await store.begin(name, first, clock.wallMs());
    if (known === "full") throw tooMany();
    if (known === "begun") return act(store, name, fresh, request, next);
    const secrets = opened(keyring, known);
    if (known.method !== first.method || secrets.open("digest", known.digest) !== digest)
      throw reused(requestId, known);
    if (known.answer !== null) {
      if (isSecret(request.method.output)) throw toldOnce(requestId);
      const bytes = Buffer.from(secrets.open("answer", known.answer), "base64");
      request.contextValues.set(answeredKey, fromBinary(request.method.output, bytes));
      return next(request);
    }
    if (!(await store.takeOver(name, clock.wallMs() - ABANDONED_MS, clock.wallMs()))) throw underWay(requestId);
    return act(store, name, secrets, request, next);
  };
}

async function act(
  store: NamedRequestStore,
  name: RequestName,
  secrets: ContainerSecrets,
  request: UnaryRequest,
  next: Parameters<Interceptor>[0],
): Promise<Awaited<ReturnType<typeof next>>> {
  request.contextValues.set(newIdKey, secrets.key.id);
  try {
    const response = await next(request);
    if (!response.stream) {
      const { output } = response.method;
      // Of one that holds a secret only that there was one.
      const bytes = isSecret(output) ? Buffer.alloc(0) : Buffer.from(toBinary(output, response.message));
      // It has happened. Where its answer cannot be kept, the next one of this name goes through again.
      await store
        .answered(name, secrets.seal("answer", bytes.toString("base64")))
        .catch(() => store.unsettled(name).catch(() => undefined));
    }
    return response;
  } catch (thrown) {
    await (hasChangedNothing(thrown) ? store.refused(name) : store.unsettled(name)).catch(() => undefined);
    throw thrown;
  }
}

const isSecret = (answer: DescMessage): boolean => answer.fields.some((field) => getOption(field, holds_secret));

/** Codes after which it may have happened all the same. */
const UNCERTAIN = new Set(["database_unavailable", "deadline_exceeded", "cancelled", "internal"]);

function hasChangedNothing(thrown: unknown): boolean {
  return !UNCERTAIN.has(codeOf(toApiError(thrown, "")) ?? "internal");
}

/**
 * A service whose methods answer what was answered before, where this interceptor has found that. Only the method's own answer gets the
 * headers of its protocol. What a method asks of its caller by itself, past its rule, is asked again first (`again`): what he may
 * have been told then need not be his to see any more.
 */
export function answeringOnce<Binding extends AnsweringBinding>(binding: Binding): Binding {
  const named = binding.service.methods.filter(
    ({ methodKind, input }) => methodKind === "unary" && input.fields.some(({ name }) => name === FIELD),
  );
  const own = binding.implementation as Readonly<Record<string, (...given: unknown[]) => unknown>>;
  const once = named.map(({ localName }) => {
    const act = own[localName]?.bind(own);
    const demand = binding.again?.[localName];
    const answer = async (request: unknown, context: HandlerContext) => {
      const kept = context.values.get(answeredKey);
      if (kept === null) return act?.(request, context);
      await demand?.(request, context);
      return kept;
    };
    return [localName, answer];
  });
  return { ...binding, implementation: { ...own, ...Object.fromEntries(once) } };
}

export type AnsweringBinding = {
  readonly service: DescService;
  readonly implementation: object;
  /** By method: rejects when the caller may not do what is asked. */
  readonly again?: Readonly<Record<string, (request: unknown, context: HandlerContext) => Promise<void>>>;
};

/** The answer that a call of the same name got. */
const answeredKey: ContextKey<Message | null> = createContextKey<Message | null>(null, { description: "answered" });

/** What was asked, whatever the order in which a client writes maps down. */
function digestOf({ method, message }: UnaryRequest): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(asJson(method.input, message))))
    .digest("hex");
}

function asJson(schema: DescMessage, message: Message): JsonValue {
  const json = toJson(schema, message);
  // A message of a request becomes an object.
  return { ...(json as Record<string, JsonValue>), requestId: "" };
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function opened(keyring: Keyring, { secretKey }: NamedRequest): ContainerSecrets {
  try {
    return keyring.secrets(secretKey);
  } catch (error) {
    if (!(error instanceof UnopenedSecretError)) throw error;
    throw apiError("request_id_reused", `What was asked under this request_id cannot be read: ${error.message}.`, {
      field: FIELD,
      nextStep: "Look whether it took effect, then send it under another request_id.",
      cause: error,
    });
  }
}

const reused = (requestId: string, { method }: NamedRequest) =>
  apiError(
    "request_id_reused",
    `request_id ${requestId} belongs to another request (${method}) of the last 24 hours.`,
    {
      field: FIELD,
    },
  );

const toldOnce = (requestId: string) =>
  apiError("told_once", `The request ${requestId} was carried out. Its answer held a secret, which is told once.`, {
    field: FIELD,
  });

const underWay = (requestId: string) =>
  apiError("busy", `The request ${requestId} is still under way.`, {
    field: FIELD,
    nextStep: "Send the same request again in a moment: it gets the answer of the first.",
  });

const tooMany = () =>
  apiError(
    "rate_limited",
    `More than ${NAMED_REQUESTS_MAX} requests with a request_id came from this caller within 24 hours.`,
    {
      field: FIELD,
      nextStep: "Leave request_id out, or wait until older ones are a day old.",
    },
  );
