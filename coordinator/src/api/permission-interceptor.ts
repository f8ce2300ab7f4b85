import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, type HandlerContext } from "@connectrpc/connect";
import type { Logger } from "pino";
import { NO_OBJECT } from "../audit/audit-entry.ts";
import { methodName } from "../audit/audited-methods.ts";
import type { Denial } from "../audit/denial-ledger.ts";
import { ADMIN_TOKEN_NAME } from "../identity/admin-token.ts";
import type { Authenticate, Identity } from "../identity/authenticate.ts";
import { placeOf, ruleOf } from "../permissions/method-rules.ts";
import type { Permission } from "../permissions/permission.ts";
import { type Role, RoleBook } from "../permissions/role.ts";
import { apiError, codeOf } from "./api-error.ts";
import { auditActor } from "./audit-actor.ts";
import { type Caller, callerKey, peerKey, requestIdKey, streamGuardKey } from "./call-context.ts";
import type { CallLimiter } from "./call-limiter.ts";
import { demand, demandSomewhere } from "./demand-permission.ts";
import { toApiError } from "./error-mapping.ts";
import { isLoopbackAddress, isLoopbackHost } from "./loopback.ts";
import { VIEW } from "./sight.ts";
import type { Recheck } from "./stream-recheck-interceptor.ts";

/** What somebody may ask who has yet to set up a second factor: who he is, and whether it is there. */
const WITHOUT_SECOND_FACTOR: ReadonlySet<string> = new Set(["AccessService/WhoAmI", "AccessService/GetProfile"]);

/** Headers by which a proxy on this machine shows that the caller is somewhere else. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/**
 * The one place that decides whether a call may go on. It runs once the headers are there and before any of the body is
 * read, for every protocol. Throws `rate_limited`, `unauthenticated`, `permission_denied`, `password_change_required` or
 * `second_factor_required`; else stores the caller in the context. Every denial goes to `deny`, too.
 */
export function permissionGate(
  authenticate: Authenticate,
  limiter: CallLimiter,
  deny: Deny,
  log: Logger,
): (context: HandlerContext) => Promise<void> {
  return async ({ method, requestHeader, values }) => {
    try {
      values.set(callerKey, await admit(authenticate, limiter, deny, { method, header: requestHeader, values }));
    } catch (thrown) {
      const requestId = values.get(requestIdKey);
      const error = toApiError(thrown, requestId);
      const fields = { requestId, method: `${method.parent.typeName}/${method.name}`, code: codeOf(error) };
      if (error.code === Code.Internal) log.error({ ...fields, err: error.cause }, "call failed");
      else log.info({ ...fields, address: values.get(peerKey).remoteAddress }, "call refused");
      throw error;
    }
  };
}

/** Looks at an open stream again; rejects only when its caller may no longer have it, not when that cannot be known. */
export function permissionRecheck(authenticate: Authenticate, deny: Deny): Recheck {
  return async ({ method, header, contextValues }) => {
    try {
      const caller = await decide(authenticate, deny, { method, header, values: contextValues });
      if (caller !== null) await contextValues.get(streamGuardKey)(caller);
    } catch (thrown) {
      const error = toApiError(thrown, contextValues.get(requestIdKey));
      const ends = [Code.Unauthenticated, Code.PermissionDenied, Code.NotFound, Code.OutOfRange];
      if (ends.includes(error.code)) throw error;
    }
  };
}

/** Takes note of a denial; never throws. */
export type Deny = (denial: Denial) => void;

/** Decides, and counts the call: whoever is refused for what he may not do is counted as well. */
async function admit(authenticate: Authenticate, limiter: CallLimiter, deny: Deny, call: Call): Promise<Caller | null> {
  const peer = call.values.get(peerKey);
  let known: Identity | null = null;
  const remember: Authenticate = async (headers) => {
    known = await authenticate(headers);
    // The administrator at this machine's own keyboard is never locked out by his own programs.
    if (known !== null && !(known.kind === "token" && known.name === ADMIN_TOKEN_NAME && comesFromLoopback(call))) {
      limiter.countCaller(known);
    }
    return known;
  };
  try {
    return await decide(remember, deny, call);
  } catch (thrown) {
    if (known === null && thrown instanceof ConnectError && thrown.code === Code.Unauthenticated) {
      limiter.countAddress(peer);
    }
    throw thrown;
  }
}

const HEALTH_READER = new RoleBook([
  { name: "loopback", description: "", includes: [], grants: ["node:health:view"] },
]).get("loopback") as Role;

type Call = { readonly method: DescMethod; readonly header: Headers; readonly values: ContextValues };

async function decide(authenticate: Authenticate, deny: Deny, call: Call): Promise<Caller | null> {
  let known: Caller | null = null;
  try {
    return await permitted(authenticate, call, (caller) => {
      known = caller;
    });
  } catch (thrown) {
    const error = toApiError(thrown, call.values.get(requestIdKey));
    if (error.code === Code.Unauthenticated || error.code === Code.PermissionDenied) {
      deny(denialOf(call, known, error));
    }
    throw error;
  }
}

function denialOf({ method, values }: Call, caller: Caller | null, error: ConnectError): Denial {
  const rule = ruleOf(method) ?? "";
  return {
    requestId: values.get(requestIdKey),
    actor: auditActor(caller, values.get(peerKey).remoteAddress),
    method: methodName(method),
    permission: rule.includes(":") ? rule : "",
    // The request has not been read yet.
    object: NO_OBJECT,
    outcome: codeOf(error) ?? "",
    reason: error.rawMessage,
    request: null,
  };
}

async function permitted(
  authenticate: Authenticate,
  call: Call,
  onKnown: (caller: Caller) => void,
): Promise<Caller | null> {
  const rule = ruleOf(call.method);
  if (rule === "public") return null;
  if (rule === "loopback" && comesFromLoopback(call)) {
    // This machine's own keyboard sees the health of all nodes.
    const nobody = { id: "", person: "", name: "loopback", role: "", tokenPrefix: "", expiresAt: null, sessionId: "" };
    return { kind: "loopback", ...nobody, grants: [{ role: HEALTH_READER, scope: { kind: "everything" } }] };
  }
  const identity = await authenticate(call.header);
  if (identity === null) {
    const given = call.header.has("authorization") || call.header.has("cookie");
    throw apiError("unauthenticated", given ? "The token or session is not valid." : "The call has no credentials.");
  }
  const { mustChangePassword, ...caller } = identity;
  onKnown(caller);
  if (mustChangePassword) {
    throw apiError(
      "password_change_required",
      `The password of ${identity.name} must be changed before anything else.`,
    );
  }
  const [demanding] = caller.secondFactorDemandedBy;
  if (demanding !== undefined && !WITHOUT_SECOND_FACTOR.has(methodName(call.method))) {
    throw apiError(
      "second_factor_required",
      `The role ${demanding} of ${identity.name} demands a second factor, which must be set up before anything else.`,
    );
  }
  if (rule === null) {
    throw apiError("permission_denied", `${call.method.name} has no rule that says who may call it, so nobody may.`, {
      nextStep: "Report it: every method must have one.",
    });
  }
  if (rule !== "signed_in") demandFor(caller, call.method, rule === "loopback" ? "node:health:view" : rule);
  return caller;
}

/** What can be decided before the request is read; place-interceptor.ts and the methods themselves decide the rest. */
function demandFor(caller: Caller, method: DescMethod, asked: Permission): void {
  const place = placeOf(method);
  if (place === "fleet") return demand(caller, asked);
  demandSomewhere(caller, asked);
  // What cannot be seen is said not to be there: nobody could ever do this to anything.
  if (typeof place !== "string") demandSomewhere(caller, VIEW[place.kind]);
}

/** True when the caller is on this machine, and no proxy stands between. */
function comesFromLoopback({ values, header }: Call): boolean {
  const { remoteAddress, host } = values.get(peerKey);
  return isLoopbackAddress(remoteAddress) && isLoopbackHost(host) && !FORWARDED.some((name) => header.has(name));
}
