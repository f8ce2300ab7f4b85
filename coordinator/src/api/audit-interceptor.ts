import type { JsonObject } from "@bufbuild/protobuf";
import type { Interceptor, UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import type { AuditObject, AuditOutcome } from "../audit/audit-entry.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import {
  type AuditedMethod,
  auditedMethod,
  CALLER,
  identityOf,
  messageField,
  methodName,
  textField,
} from "../audit/audited-methods.ts";
import { maskedJson, maskedWhole } from "../audit/masked-json.ts";
import { whatChanged } from "../audit/what-changed.ts";
import { ruleOf } from "../permissions/method-rules.ts";
import { codeOf } from "./api-error.ts";
import { auditActor } from "./audit-actor.ts";
import { callerKey, peerKey, requestIdKey } from "./call-context.ts";
import { toApiError } from "./error-mapping.ts";
import type { ObjectReading, ShownObject } from "./object-reading.ts";
import { onlyValidates } from "./only-validates.ts";

/**
 * Audits every method that changes something. What is asked for is committed before anything else happens: a call whose entry
 * cannot be written fails with audit_unavailable (or database_unavailable) and has changed nothing. What became of it is committed
 * before the answer, or, where that fails, tried again until it is: it has happened, and can no longer be refused. Of a call that only
 * asks what would come of it nothing is written, but that it was denied.
 */
export function auditInterceptor(trail: AuditTrail, read: ObjectReading): Interceptor {
  return (next) => async (request) => {
    const audited = auditedMethod(request.method);
    if (audited === null || request.stream) return next(request);
    const named =
      audited.names === CALLER
        ? (request.contextValues.get(callerKey)?.name ?? "")
        : textField(request.method.input, request.message, audited.names);
    const before = audited.change === "created" ? null : await read(audited.kind, named);
    const object = objectOf(audited, before && maskedWhole(before.schema, before.message), named);
    if (onlyValidates(request.method.input, request.message)) return deniedAtMost(trail, request, object, next);
    const refersTo = await trail.write(entryOf(request, object));
    const settle = (outcome: Omit<AuditOutcome, "refersTo">): Promise<void> => trail.settle({ refersTo, ...outcome });
    try {
      const response = await next(request);
      if (!response.stream) await settle(outcomeOf(audited, before, response));
      return response;
    } catch (thrown) {
      const error = toApiError(thrown, request.contextValues.get(requestIdKey));
      const code = codeOf(error) ?? "internal";
      // A permission that only the whole request tells of: the call was let in, and denied inside.
      const decision = code === "permission_denied" ? "denied" : "allowed";
      const rest = { objectId: "", before: null, after: null };
      await settle({ decision, outcome: code, reason: error.rawMessage, ...rest });
      throw error;
    }
  };
}

async function deniedAtMost(
  trail: AuditTrail,
  request: UnaryRequest,
  object: AuditObject,
  next: Parameters<Interceptor>[0],
): Promise<Awaited<ReturnType<typeof next>>> {
  try {
    return await next(request);
  } catch (thrown) {
    const error = toApiError(thrown, request.contextValues.get(requestIdKey));
    const code = codeOf(error) ?? "internal";
    if (code === "permission_denied") {
      await trail.settle({
        ...entryOf(request, object),
        ...{ decision: "denied", outcome: code, reason: error.rawMessage },
      });
    }
    throw error;
  }
}

function entryOf({ method, message, contextValues }: UnaryRequest, object: AuditObject) {
  const rule = ruleOf(method) ?? "";
  return {
    requestId: contextValues.get(requestIdKey),
    actor: auditActor(contextValues.get(callerKey), contextValues.get(peerKey).remoteAddress),
    method: methodName(method),
    permission: rule.includes(":") ? rule : "",
    object,
    decision: "allowed",
    outcome: "",
    reason: "",
    counted: null,
    request: maskedJson(method.input, message),
    after: null,
  } as const;
}

function objectOf({ kind }: AuditedMethod, before: JsonObject | null, named: string): AuditObject {
  const { id, name } = identityOf(kind, before);
  return { kind, id, name: name === "" ? named : name };
}

function outcomeOf(
  { kind, change, after: field }: AuditedMethod,
  before: ShownObject | null,
  { method, message }: UnaryResponse,
): Omit<AuditOutcome, "refersTo"> {
  const after = field === "" ? null : messageField(method.output, message, field);
  const changed = differing(change === "used" ? null : before, after);
  // What was there before is named by the entry already.
  const objectId = before === null ? identityOf(kind, changed.after).id : "";
  return { decision: "allowed", outcome: "ok", reason: "", objectId, ...changed };
}

function differing(before: ShownObject | null, after: ShownObject | null) {
  const [schema, from] =
    // A migration that was made of a container is not the container as it was before.
    after !== null && before?.schema.typeName !== after.schema.typeName
      ? [after.schema, null]
      : [before?.schema, before?.message ?? null];
  return schema === undefined ? { before: null, after: null } : whatChanged(schema, from, after?.message ?? null);
}
