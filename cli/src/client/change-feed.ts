import { Code, ConnectError } from "@connectrpc/connect";
import type { Change } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Clock } from "../clock.ts";
import type { ApiClient } from "./api-client.ts";

const retryMs = 200;
const retriesMax = 150;

/**
 * Every change after sequence number `after`, then each new one, none missing and none twice. A stream that breaks is
 * opened again from the last number seen or told of, for up to 30 s without success; then, or when the coordinator refuses, the
 * error is thrown. Ends when the signal fires.
 */
export async function* followChanges(
  api: Pick<ApiClient, "streams">,
  clock: Clock,
  after: bigint | undefined,
  signal: AbortSignal | undefined,
  onOpen: () => void = () => undefined,
): AsyncGenerator<Change> {
  let last = after;
  let failures = 0;
  const isOver = () => signal?.aborted === true;
  while (!isOver()) {
    try {
      const request = last === undefined ? {} : { after: last };
      for await (const { message } of api.streams.events.watch(request, signal === undefined ? {} : { signal })) {
        failures = 0;
        if (message.case === "opened") {
          last ??= message.value.asOf;
          onOpen();
        } else if (message.case === "progress") {
          last = message.value.asOf;
        } else if (message.case === "change") {
          last = message.value.event?.sequence ?? last;
          yield message.value;
        }
      }
    } catch (error) {
      if (isOver()) return;
      failures += 1;
      const { code } = ConnectError.from(error);
      const isBroken =
        code === Code.Unavailable || code === Code.Aborted || code === Code.Unknown || code === Code.Internal;
      if (!isBroken || failures > retriesMax) throw error;
    }
    await clock.sleep(retryMs, signal).catch(() => undefined); // Over: the loop sees it.
  }
}
