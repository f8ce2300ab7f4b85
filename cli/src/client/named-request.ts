import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CliContext } from "../cli-context.ts";

/** Waits before each further try, milliseconds. */
const PAUSES_MS = [500, 1_000, 2_000];

/**
 * Sends a request that makes something under a name, and again under the same one while the coordinator says that it may help or
 * hangs up in the middle: it acts once, however often it arrives.
 */
export async function sendNamed<T>(
  { clock, randomHex }: Pick<CliContext, "clock" | "randomHex">,
  send: (requestId: string) => Promise<T>,
): Promise<T> {
  const requestId = randomUuid(randomHex);
  for (const pauseMs of PAUSES_MS) {
    try {
      return await send(requestId);
    } catch (error) {
      if (!mayHelp(error)) throw error;
      await clock.sleep(pauseMs);
    }
  }
  return await send(requestId);
}

/** Nothing was answered, or the coordinator is busy or moving. Where nobody listens at all, waiting for one is not this command's business. */
function mayHelp(error: unknown): boolean {
  const failure = ConnectError.from(error);
  const [detail] = failure.findDetails(ErrorDetailSchema);
  if (detail !== undefined) return failure.code === Code.Unavailable && detail.retryable;
  const cause = failure.cause;
  return cause instanceof Error && "code" in cause && (cause.code === "ECONNRESET" || cause.code === "EPIPE");
}

function randomUuid(randomHex: (bytes: number) => string): string {
  const hex = randomHex(16);
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
