import type { CliContext } from "../cli-context.ts";
import type { ApiClient } from "../client/api-client.ts";
import { errorDetailOf } from "../client/api-failure.ts";

/** How often what came too soon after others is sent again. */
const TOO_SOON_MAX = 100;
const TOO_SOON_MS = 100;

/**
 * Writes to a container's input. A pipe, or somebody who pastes, gives more than a container takes: then it is waited for, and
 * nothing of it is lost. Resolves as well, whatever has become of it, once the signal has fired.
 */
export function sendPatiently(
  context: CliContext,
  api: ApiClient,
  request: { readonly id: string; readonly text: string; readonly withoutLineEnd: boolean },
  signal: AbortSignal,
): Promise<void> {
  return patiently(context, signal, () => api.containers.sendConsoleInput(request, { signal }));
}

/** The same for any call that has a rate. */
export async function patiently(context: CliContext, signal: AbortSignal, call: () => Promise<unknown>): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      await call();
      return;
    } catch (error) {
      if (signal.aborted) return;
      const tooSoon = errorDetailOf(error)?.code === "rate_limited";
      if (!tooSoon || tried >= TOO_SOON_MAX) throw error;
      await pause(context, TOO_SOON_MS, signal);
    }
  }
}

/** Resolves after that time, or as soon as it does not matter any more. */
export async function pause({ clock }: CliContext, ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
