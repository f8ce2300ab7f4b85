import type { DescMethod } from "@bufbuild/protobuf";
import { Code, type ContextValues, type HandlerContext } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Authenticate } from "../identity/authenticate.ts";
import { apiError, codeOf } from "./api-error.ts";
import { type Caller, callerKey, peerKey, requestIdKey } from "./call-context.ts";
import { toApiError } from "./error-mapping.ts";
import { isLoopbackAddress, isLoopbackHost } from "./loopback.ts";
import type { Recheck } from "./stream-recheck-interceptor.ts";

/** What a method asks of its caller. */
export type Permission = "signed_in" | "signed_in_or_loopback" | "public";

/**
 * The methods that ask for less than a signed-in caller; every other one, known or new, asks for that. The standard health
 * service says no more than /health/ready does, and probes have no credentials.
 */
const EXCEPTIONS: ReadonlyMap<string, Permission> = new Map<string, Permission>([
  ["lormas.api.v1.HealthService/GetHealth", "signed_in_or_loopback"],
  ["grpc.health.v1.Health/Check", "public"],
  ["grpc.health.v1.Health/List", "public"],
  ["grpc.health.v1.Health/Watch", "public"],
]);

/** Headers by which a proxy on this machine shows that the caller is somewhere else. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/** What a method asks of its caller; deny by default. */
export function permissionOf(method: DescMethod): Permission {
  return EXCEPTIONS.get(`${method.parent.typeName}/${method.name}`) ?? "signed_in";
}

/**
 * The one place that decides whether a call may go on. It runs once the headers are there and before any of the body is
 * read, for every protocol. Throws `unauthenticated` or `password_change_required`; else stores the caller in the context.
 */
export function permissionGate(authenticate: Authenticate, log: Logger): (context: HandlerContext) => Promise<void> {
  return async ({ method, requestHeader, values }) => {
    try {
      values.set(callerKey, await decide(authenticate, { method, header: requestHeader, values }));
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
export function permissionRecheck(authenticate: Authenticate): Recheck {
  return async ({ method, header, contextValues }) => {
    try {
      await decide(authenticate, { method, header, values: contextValues });
    } catch (thrown) {
      const error = toApiError(thrown, contextValues.get(requestIdKey));
      if (error.code === Code.Unauthenticated || error.code === Code.PermissionDenied) throw error;
    }
  };
}

type Call = { readonly method: DescMethod; readonly header: Headers; readonly values: ContextValues };

async function decide(authenticate: Authenticate, call: Call): Promise<Caller | null> {
  const permission = permissionOf(call.method);
  if (permission === "public") return null;
  if (permission === "signed_in_or_loopback" && comesFromLoopback(call)) {
    return { kind: "loopback", name: "loopback" };
  }
  const identity = await authenticate(call.header);
  if (identity === null) {
    const given = call.header.has("authorization") || call.header.has("cookie");
    throw apiError("unauthenticated", given ? "The token or session is not valid." : "The call has no credentials.");
  }
  if (identity.mustChangePassword) {
    throw apiError(
      "password_change_required",
      `The password of ${identity.name} must be changed before anything else.`,
    );
  }
  return { kind: identity.kind, name: identity.name };
}

/** True when the caller is on this machine, and no proxy stands between. */
function comesFromLoopback({ values, header }: Call): boolean {
  const { remoteAddress, host } = values.get(peerKey);
  return isLoopbackAddress(remoteAddress) && isLoopbackHost(host) && !FORWARDED.some((name) => header.has(name));
}
