import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";

/** An error as a person is shown it: what is wrong, at which field, and what to do about it. */
export type ApiError = {
  /** Of the closed set of the API ("migration_in_progress"), or of the transport ("unavailable"). */
  readonly code: string;
  /** Names the thing and the reason. */
  readonly message: string;
  /** The request field at fault in proto notation; empty when none is. */
  readonly field: string;
  /** What to do next; never empty. */
  readonly nextStep: string;
  /** True when the same call may succeed later without a change. */
  readonly retryable: boolean;
};

/** Next steps for errors that come without one, that is, from below the API. */
const fallbackNextStep: Partial<Record<Code, string>> = {
  [Code.Unauthenticated]: "Sign in again.",
  [Code.PermissionDenied]: "Ask an administrator for the permission.",
  [Code.NotFound]: "Check the name, or go back to the list.",
  [Code.Unavailable]: "Check that the coordinator runs and can be reached, then try again.",
  [Code.DeadlineExceeded]: "Try again; the coordinator took too long to answer.",
  [Code.Unimplemented]: "Upgrade the coordinator: it does not know this call.",
};

/** What browsers call a connection that was not made or broke: each has its own words, all throw a TypeError. */
const brokenConnection = /failed to fetch|networkerror|network error|load failed|input stream|connection/i;

/** Turns whatever a call threw into something a person can act on. Never throws. */
export function toApiError(cause: unknown): ApiError {
  const given = ConnectError.from(cause);
  const below = given.cause ?? cause;
  const error =
    below instanceof TypeError && brokenConnection.test(below.message)
      ? new ConnectError("The coordinator cannot be reached.", Code.Unavailable)
      : given;
  const detail = error.findDetails(ErrorDetailSchema)[0];
  const nextStep = fallbackNextStep[error.code] ?? "Try again; if it stays so, look at the coordinator's log.";
  if (detail === undefined) {
    return {
      code: codeName(error.code),
      message: error.rawMessage || "The call failed.",
      field: "",
      nextStep,
      retryable: error.code === Code.Unavailable || error.code === Code.DeadlineExceeded,
    };
  }
  return {
    code: detail.code || codeName(error.code),
    message: detail.message || error.rawMessage,
    field: detail.field,
    nextStep: detail.nextStep || nextStep,
    retryable: detail.retryable,
  };
}

/** True when the session is over, so that only signing in helps. */
export function isSignedOut(error: ApiError): boolean {
  return error.code === "unauthenticated";
}

/** True when the API refuses everything until the first password is changed. */
export function mustChangePassword(error: ApiError): boolean {
  return error.code === "password_change_required";
}

/** True when the API refuses everything until a second factor is set up, which a role demands. */
export function mustSetUpSecondFactor(error: ApiError): boolean {
  return error.code === "second_factor_required";
}

function codeName(code: Code): string {
  const name = Code[code] ?? "unknown";
  return name.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
}
