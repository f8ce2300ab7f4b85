import type { Interceptor, StreamResponse } from "@connectrpc/connect";
import type { Clock } from "../runtime/clock.ts";

/** How often the credentials of an open stream are looked at again, milliseconds. */
export const STREAM_RECHECK_MS = 2_500;

/** Looks again whether the caller of an open stream may have it; rejects when not. */
export type Recheck = (request: Parameters<ReturnType<Interceptor>>[0]) => Promise<void>;

/**
 * Ends open streams whose token or session was revoked: a stream that lasts for weeks must not outlive the right to it.
 * `recheck` rejects only when the right is gone.
 */
export function streamRecheckInterceptor(clock: Clock, recheck: Recheck): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    if (!response.stream) return response;
    return { ...response, message: guarded(clock, () => recheck(request), response.message) };
  };
}

async function* guarded(
  clock: Clock,
  recheck: () => Promise<void>,
  messages: StreamResponse["message"],
): StreamResponse["message"] {
  const iterator = messages[Symbol.asyncIterator]();
  let refusal: { readonly error: unknown } | null = null;
  let interrupt: (error: unknown) => void = () => {};
  let cancel: () => void = () => {};
  const arm = (): void => {
    cancel = clock.schedule(STREAM_RECHECK_MS, () => {
      recheck().then(arm, (error: unknown) => {
        refusal = { error };
        interrupt(error);
      });
    });
  };
  arm();
  try {
    for (;;) {
      if (refusal !== null) throw (refusal as { readonly error: unknown }).error;
      // Not Promise.race: its losers would pile up on a promise that lives as long as the stream.
      const result = await new Promise<IteratorResult<Awaited<ReturnType<typeof iterator.next>>["value"]>>(
        (resolve, reject) => {
          interrupt = reject;
          iterator.next().then(resolve, reject);
        },
      );
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    refusal ??= { error: null };
    cancel();
    cancel = () => {};
    // Not awaited: it ends once the call's signal, which fires after this, has ended the wait inside.
    iterator.return?.().then(
      () => {},
      () => {},
    );
  }
}
