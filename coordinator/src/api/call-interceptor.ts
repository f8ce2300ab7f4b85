import { ConnectError, type Interceptor, type StreamResponse } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Clock } from "../runtime/clock.ts";
import { apiError, codeOf } from "./api-error.ts";
import { callerKey, requestIdKey } from "./call-context.ts";
import { toApiError } from "./error-mapping.ts";

/** The longest that a unary call may take, milliseconds; then it is answered with deadline_exceeded. */
export const UNARY_CALL_MS_MAX = 30_000;

/**
 * The outermost interceptor: bounds a unary call in time, turns whatever is thrown into an error of the closed set, and
 * writes one line into the access log when the call is over. Streams too: an error in the middle is mapped as well.
 */
export function callInterceptor(clock: Clock, log: Logger): Interceptor {
  return (next) => async (request) => {
    const startedMs = clock.bootMs();
    const requestId = request.contextValues.get(requestIdKey);
    const method = `${request.service.typeName}/${request.method.name}`;
    const done = (error: ConnectError | null): void => {
      const fields = {
        requestId,
        method,
        caller: request.contextValues.get(callerKey)?.name ?? "",
        tookMs: Math.round(clock.bootMs() - startedMs),
        code: error === null ? "ok" : (codeOf(error) ?? "unknown"),
      };
      if (error !== null && fields.code === "internal") log.error({ ...fields, err: error.cause }, "call failed");
      else log.info(fields, "call");
    };
    const failed = (thrown: unknown): ConnectError => {
      const error = toApiError(thrown, requestId);
      done(error);
      return error;
    };
    try {
      const response = await (request.stream ? next(request) : inTime(clock, next(request)));
      if (response.stream) return { ...response, message: watched(response.message, done, failed) };
      done(null);
      return response;
    } catch (thrown) {
      throw failed(thrown);
    }
  };
}

async function* watched(
  messages: StreamResponse["message"],
  done: (error: ConnectError | null) => void,
  failed: (thrown: unknown) => ConnectError,
): StreamResponse["message"] {
  let over = false;
  try {
    yield* messages;
    over = true;
    done(null);
  } catch (thrown) {
    over = true;
    throw failed(thrown);
  } finally {
    // The caller went away in the middle.
    if (!over) done(toApiError(new ConnectError("the caller ended the stream", 1), ""));
  }
}

function inTime<T>(clock: Clock, call: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(UNARY_CALL_MS_MAX, () =>
      reject(apiError("deadline_exceeded", `The call took longer than ${UNARY_CALL_MS_MAX / 1_000} s.`)),
    );
    call.then(resolve, reject).finally(cancel);
  });
}
