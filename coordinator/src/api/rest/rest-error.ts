import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { httpStatusOf } from "./http-status.ts";
import { violatedRule } from "./violated-rule.ts";

/** The `error` of a REST answer: an ErrorDetail in JSON. */
export type RestErrorBody = {
  readonly code: string;
  readonly message: string;
  readonly field: string;
  readonly nextStep: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number;
};

/** An answer that says no. */
export class RestError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RestErrorBody;

  constructor(
    status: number,
    body: Pick<RestErrorBody, "code" | "message" | "nextStep"> & Partial<RestErrorBody>,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(body.message);
    this.status = status;
    this.headers = headers;
    this.body = { field: "", retryable: false, retryAfterMs: 0, ...body };
  }
}

/** A request that cannot be read as its method wants it. */
export function badRequest(message: string, field: string): RestError {
  const nextStep =
    field === ""
      ? "Compare the request with /openapi.json, then send it again."
      : `Correct "${field}" (see /openapi.json), then send it again.`;
  return new RestError(400, { code: "invalid_argument", message, field, nextStep });
}

/**
 * The answer for what a method threw. A ConnectError keeps its code and its ErrorDetail; one without a detail gets the
 * gRPC code's name as its code. Anything else is a bug: 500, and nothing of it is shown (the caller logs it).
 */
export function restErrorOf(thrown: unknown): RestError {
  if (thrown instanceof RestError) return thrown;
  if (!(thrown instanceof ConnectError)) return internalError();
  const [detail] = thrown.findDetails(ErrorDetailSchema);
  if (detail === undefined && (thrown.code === Code.Internal || thrown.code === Code.Unknown)) return internalError();
  const rule = violatedRule(thrown);
  if (detail === undefined && rule !== undefined) return badRequest(rule.message, rule.field);
  const retryable = detail?.retryable ?? (thrown.code === Code.Unavailable || thrown.code === Code.Aborted);
  const retryAfterMs = detail?.retryAfterMs ?? (retryable ? 1_000 : 0);
  const headers: Record<string, string> = {};
  if (retryable || thrown.code === Code.Unavailable) {
    headers["retry-after"] = String(Math.max(1, Math.ceil(retryAfterMs / 1_000)));
  }
  if (thrown.code === Code.Unauthenticated) headers["www-authenticate"] = "Bearer";
  const body: RestErrorBody = {
    code: detail?.code || codeName(thrown.code),
    message: detail?.message || thrown.rawMessage,
    field: detail?.field ?? "",
    nextStep: detail?.nextStep || (retryable ? "Try again." : "Correct the request, then send it again."),
    retryable,
    retryAfterMs,
  };
  return new RestError(httpStatusOf(thrown.code), body, headers);
}

/** A bug of ours, told without its inside. */
export function internalError(): RestError {
  return new RestError(500, {
    code: "internal",
    message: "the coordinator met an error of its own",
    nextStep: "Look at the coordinator's log at this time; report it with the lines found there.",
  });
}

/** "FailedPrecondition" → "failed_precondition". */
function codeName(code: Code): string {
  return (Code[code] ?? "unknown").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
