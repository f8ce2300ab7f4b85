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
  if (connectError.code === Code.Unavailable || isSocketError(connectError.cause)) {
    return new CliFailure(
      exitCode.unavailable,
      `the coordinator at ${url} does not answer: ${connectError.rawMessage}`,
      "see that it runs (a local one: npm start), then try again",
      error,
    );
  }
  if (connectError.code === Code.Unauthenticated) {
    return new CliFailure(code, `${url} refused the token: ${connectError.rawMessage}`, "check LORMAS_TOKEN", error);
  }
  return new CliFailure(code, `${url} answered: ${connectError.rawMessage}`, "", error);
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
