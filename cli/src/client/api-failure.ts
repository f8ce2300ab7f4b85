import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { CliFailure } from "../cli-failure.ts";
import { type ExitCode, exitCode } from "../exit-code.ts";

/** What an API call's failure means for a person: message and next step from its ErrorDetail, exit code from its code. */
export function apiFailure(error: unknown, url: string): CliFailure {
  if (error instanceof CliFailure) return error;
  const connectError = ConnectError.from(error);
  const [detail] = connectError.findDetails(ErrorDetailSchema);
  const code = exitCodeOf(connectError.code);
  if (detail !== undefined && detail.message !== "") {
    const field = detail.field === "" ? "" : ` (field ${detail.field})`;
    return new CliFailure(code, `${detail.message}${field}`, detail.nextStep, error);
  }
  if (isCertificateProblem(connectError.cause) || isCertificateProblem(error)) return untrusted(error, url);
  if (connectError.code === Code.Unavailable || isSocketError(connectError.cause)) return unanswered(error, url);
  if (connectError.code === Code.Unauthenticated) {
    return new CliFailure(
      code,
      `${url} refused the token: ${connectError.rawMessage}`,
      "check LORMAS_TOKEN, or sign in: lormas login",
      error,
    );
  }
  return new CliFailure(code, `${url} answered: ${connectError.rawMessage}`, "", error);
}

/** The code of the closed set (docs/api-errors.md) that a call failed with, and the field at fault; undefined: none was said. */
export function errorDetailOf(error: unknown): { readonly code: string; readonly field: string } | undefined {
  return ConnectError.from(error).findDetails(ErrorDetailSchema)[0];
}

/** What a connection's failure means for a person who asked for something beside the API. */
export function connectionFailure(error: unknown, url: string): CliFailure {
  if (error instanceof CliFailure) return error;
  return isCertificateProblem(error) ? untrusted(error, url) : unanswered(error, url);
}

function unanswered(error: unknown, url: string): CliFailure {
  const reason = error instanceof ConnectError ? error.rawMessage : error instanceof Error ? error.message : error;
  return new CliFailure(
    exitCode.unavailable,
    `the coordinator at ${url} does not answer: ${reason}`,
    "see that it runs (a local one: npm start), then try again",
    error,
  );
}

function untrusted(error: unknown, url: string): CliFailure {
  const reason = error instanceof ConnectError ? error.rawMessage : error instanceof Error ? error.message : error;
  return new CliFailure(
    exitCode.refused,
    `the certificate of ${url} is not trusted: ${reason}`,
    "name the authority that made it: --ca-file FILE (LORMAS_CA_FILE), or lormas login --ca-file FILE",
    error,
  );
}

/** What Node says of certificates: codes of OpenSSL's verification, and its own ERR_TLS_…. */
function isCertificateProblem(cause: unknown): boolean {
  if (!(cause instanceof Error && "code" in cause && typeof cause.code === "string")) return false;
  return /^(ERR_TLS_CERT|CERT_|.*_CERT(IFICATE)?(_|$)|.*SELF_SIGNED|UNABLE_TO_)/.test(cause.code);
}

function isSocketError(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" && /^E[A-Z]+$/.test(cause.code);
}

function exitCodeOf(code: Code): ExitCode {
  switch (code) {
    case Code.InvalidArgument:
      return exitCode.usage;
    case Code.NotFound:
      return exitCode.notFound;
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return exitCode.refused;
    case Code.Unavailable:
      return exitCode.unavailable;
    case Code.AlreadyExists:
    case Code.FailedPrecondition:
    case Code.ResourceExhausted:
    case Code.Aborted:
    case Code.OutOfRange:
      return exitCode.conflict;
    case Code.DeadlineExceeded:
      return exitCode.timedOut;
    case Code.Canceled:
    case Code.Unknown:
    case Code.Internal:
    case Code.Unimplemented:
    case Code.DataLoss:
      return exitCode.failed;
  }
}
