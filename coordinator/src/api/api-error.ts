import { ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ERROR_CODES, type ErrorCode } from "./error-codes.ts";

/** What an error says beyond its code and message. */
export type ApiErrorParts = {
  /** The request field at fault, in proto notation. */
  readonly field?: string;
  /** Instead of the code's own next step. */
  readonly nextStep?: string;
  /** Instead of the code's own wait; 0: not retryable. */
  readonly retryAfterMs?: number;
  /** For the log; never sent. */
  readonly cause?: unknown;
};

/**
 * An error of the public API: its gRPC code follows from the code, its ErrorDetail is attached, and a wait is also told
 * in the header retry-after (whole seconds, rounded up).
 */
export function apiError(code: ErrorCode, message: string, parts: ApiErrorParts = {}): ConnectError {
  const rule = ERROR_CODES[code];
  const retryAfterMs = parts.retryAfterMs ?? rule.retryAfterMs;
  const headers = new Headers();
  if (retryAfterMs > 0) headers.set("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  if (code === "unauthenticated") headers.set("www-authenticate", "Bearer");
  const detail = {
    desc: ErrorDetailSchema,
    value: {
      code,
      message,
      field: parts.field ?? "",
      nextStep: parts.nextStep === undefined || parts.nextStep === "" ? rule.nextStep : parts.nextStep,
      retryable: retryAfterMs > 0,
      retryAfterMs,
    },
  };
  return new ConnectError(message, rule.code, headers, [detail], parts.cause);
}

/** The closed-set code that an error carries; null when it carries none. */
export function codeOf(error: ConnectError): string | null {
  return error.findDetails(ErrorDetailSchema)[0]?.code ?? null;
}
