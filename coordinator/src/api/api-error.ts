import { toBinary } from "@bufbuild/protobuf";
import { DurationSchema, durationFromMs } from "@bufbuild/protobuf/wkt";
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
 * in the header retry-after (whole seconds, rounded up) and in a google.rpc.RetryInfo.
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
  const error = new ConnectError(message, rule.code, headers, [detail], parts.cause);
  if (retryAfterMs > 0) error.details.push(retryInfo(retryAfterMs));
  return error;
}

/** google.rpc.RetryInfo, which gRPC clients look for: one field, retry_delay (1), a Duration. */
function retryInfo(afterMs: number): { type: string; value: Uint8Array } {
  const delay = toBinary(DurationSchema, durationFromMs(afterMs));
  return { type: "google.rpc.RetryInfo", value: Uint8Array.of(0x0a, delay.length, ...delay) };
}

/** The closed-set code that an error carries; null when it carries none. */
export function codeOf(error: ConnectError): string | null {
  return error.findDetails(ErrorDetailSchema)[0]?.code ?? null;
}
