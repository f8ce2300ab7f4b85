import { Code } from "@connectrpc/connect";

/**
 * The HTTP status of a gRPC code. As Google's table, but for FAILED_PRECONDITION: such a wish contradicts the state that
 * the thing is in ("migration_in_progress"), which HTTP calls a conflict; and for ABORTED.
 */
export function httpStatusOf(code: Code): number {
  switch (code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
      return 400;
    case Code.Unauthenticated:
      return 401;
    case Code.PermissionDenied:
      return 403;
    case Code.NotFound:
      return 404;
    case Code.AlreadyExists:
    case Code.FailedPrecondition:
      return 409;
    // The only thing that is aborted is a change under an etag that is stale: HTTP's Precondition Failed.
    case Code.Aborted:
      return 412;
    case Code.ResourceExhausted:
      return 429;
    case Code.Canceled:
      return 499;
    case Code.Unknown:
    case Code.Internal:
    case Code.DataLoss:
      return 500;
    case Code.Unimplemented:
      return 501;
    case Code.Unavailable:
      return 503;
    case Code.DeadlineExceeded:
      return 504;
    default:
      return code satisfies never;
  }
}
