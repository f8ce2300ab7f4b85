import { Code, ConnectError } from "@connectrpc/connect";
import { AuditUnavailable } from "../audit/audit-trail.ts";
import { Refusal } from "../domain/refusal.ts";
import { StoreFailure } from "../store/store-failure.ts";
import { apiError, codeOf } from "./api-error.ts";
import { isConnectionFailure } from "./connection-failure.ts";
import type { ErrorCode } from "./error-codes.ts";

/** Codes for errors that the protocol layer raises by itself, before or beside our own code. */
const CODE_OF_PROTOCOL: Readonly<Partial<Record<Code, ErrorCode>>> = {
  [Code.InvalidArgument]: "invalid_argument",
  [Code.ResourceExhausted]: "body_too_large",
  [Code.Unimplemented]: "unimplemented",
  [Code.Canceled]: "cancelled",
  [Code.Aborted]: "cancelled",
  [Code.DeadlineExceeded]: "deadline_exceeded",
};

/**
 * Whatever was thrown, as an error of the closed set. What we did not foresee becomes "internal" and names only the
 * request id: its cause stays in the error for the log, and is never sent.
 */
export function toApiError(thrown: unknown, requestId: string): ConnectError {
  if (thrown instanceof Refusal) {
    return apiError(thrown.code, thrown.message, {
      field: thrown.field,
      nextStep: thrown.nextStep,
      ...(thrown.retryAfterMs > 0 ? { retryAfterMs: thrown.retryAfterMs } : {}),
      cause: thrown,
    });
  }
  // A connection failure first: drivers wrap it in errors of many kinds.
  if (isConnectionFailure(thrown) || (thrown instanceof StoreFailure && thrown.code === "unreachable")) {
    return apiError("database_unavailable", "The database does not answer.", { cause: thrown });
  }
  if (thrown instanceof AuditUnavailable) {
    return apiError("audit_unavailable", `Nothing is done without its audit entry: ${thrown.message}.`, {
      cause: thrown,
    });
  }
  if (thrown instanceof ConnectError) {
    if (codeOf(thrown) !== null) return thrown;
    const code = CODE_OF_PROTOCOL[thrown.code];
    if (code !== undefined) return apiError(code, thrown.rawMessage, { cause: thrown });
  }
  if (thrown instanceof Error && thrown.name === "AbortError") {
    return apiError("cancelled", "The caller ended the call.", { cause: thrown });
  }
  return apiError("internal", `The coordinator failed on request ${requestId}; the cause is in its log.`, {
    cause: thrown,
  });
}
