import { Code, ConnectError, type Interceptor, type StreamResponse, type UnaryRequest } from "@connectrpc/connect";
import { type AuditObject, NO_OBJECT } from "../audit/audit-entry.ts";
import { auditedMethod, methodName, textField } from "../audit/audited-methods.ts";
import { permitAt, THE_FLEET } from "../permissions/grant.ts";
import { type ObjectNamed, placeOf, ruleOf } from "../permissions/method-rules.ts";
import { isPermission, type Permission } from "../permissions/permission.ts";
import type { DatabaseOrm } from "../store/open-database.ts";
import { locate } from "../store/read-model/located.ts";
import { codeOf } from "./api-error.ts";
import { auditActor } from "./audit-actor.ts";
import { type Caller, callerKey, peerKey, requestIdKey } from "./call-context.ts";
import { demand } from "./demand-permission.ts";
import { toApiError } from "./error-mapping.ts";
import type { Deny } from "./permission-interceptor.ts";
import { mustBeSeen, notThere, Unseen, VIEW } from "./sight.ts";

type AnyRequest = Parameters<ReturnType<Interceptor>>[0];

/**
 * The second half of the permission gate: once the request is read, it looks where the object of the call is and decides there. What
 * the caller may not see is refused as if it were not there; what he may see but not do, with why. Callers who may both for
 * everything, which is most, cost nothing here. It stands before the audit trail's interceptor, so that denials are counted as the
 * gate's are; so are those of methods that find their object themselves.
 */
export function placeInterceptor(orm: DatabaseOrm, deny: Deny): Interceptor {
  return (next) => async (request) => {
    const caller = request.contextValues.get(callerKey);
    if (caller === null) return next(request);
    const note = (thrown: unknown): void => noteInside(deny, request, caller, thrown);
    if (!request.stream) await decide(orm, deny, request, caller);
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: noting(response.message, note) } : response;
    } catch (thrown) {
      note(thrown);
      throw thrown;
    }
  };
}

async function decide(orm: DatabaseOrm, deny: Deny, request: UnaryRequest, caller: Caller): Promise<void> {
  const object = placeOf(request.method);
  const asked = ruleOf(request.method);
  if (typeof object === "string" || asked === null || !isPermission(asked) || mayEverywhere(caller, object, asked))
    return;
  const { kind, field } = object;
  const named = textField(request.method.input, request.message, field);
  const located = await locate(orm.em.fork(), kind, named);
  try {
    mustBeSeen(caller, kind, located, notThere(kind, named, field, "not_found"));
    demand(caller, asked, { place: located.place, what: `${kind} ${located.name}` });
  } catch (thrown) {
    noteDenial(
      deny,
      request,
      caller,
      thrown,
      located === null ? NO_OBJECT : { kind, id: located.id, name: located.name },
    );
    throw thrown;
  }
}

function mayEverywhere({ grants }: Caller, { kind }: ObjectNamed, asked: Permission): boolean {
  return [asked, VIEW[kind]].every((one) => permitAt(grants, one, THE_FLEET) !== null);
}

/** What a method has refused by itself; a denial that the audit trail's own entry of the call tells of is not told twice. */
function noteInside(deny: Deny, request: AnyRequest, caller: Caller, thrown: unknown): void {
  const isAudited = auditedMethod(request.method) !== null;
  if (unseenOf(thrown) !== null || !isAudited) noteDenial(deny, request, caller, thrown, NO_OBJECT);
}

/** Notes a refusal for want of permission, and nothing else: what is really not there is nobody's denial. */
function noteDenial(deny: Deny, request: AnyRequest, caller: Caller, thrown: unknown, object: AuditObject): void {
  const unseen = unseenOf(thrown);
  const error = toApiError(thrown, "");
  if (unseen === null && error.code !== Code.PermissionDenied) return;
  const rule = ruleOf(request.method) ?? "";
  const hidden = unseen && `${caller.kind} ${caller.name} may not see ${unseen.what}, and was told that there is none.`;
  deny({
    requestId: request.contextValues.get(requestIdKey),
    actor: auditActor(caller, request.contextValues.get(peerKey).remoteAddress),
    method: methodName(request.method),
    permission: isPermission(rule) ? rule : "",
    object: unseen ? { kind: unseen.kind, id: unseen.located.id, name: unseen.located.name } : object,
    outcome: codeOf(error) ?? "",
    reason: hidden ?? error.rawMessage,
    request: null,
  });
}

/** The refusal itself, or what an error of the API was made of. */
function unseenOf(thrown: unknown): Unseen | null {
  if (thrown instanceof Unseen) return thrown;
  return thrown instanceof ConnectError && thrown.cause instanceof Unseen ? thrown.cause : null;
}

async function* noting(
  messages: StreamResponse["message"],
  note: (thrown: unknown) => void,
): StreamResponse["message"] {
  try {
    yield* messages;
  } catch (thrown) {
    note(thrown);
    throw thrown;
  }
}
