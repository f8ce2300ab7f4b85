import type { BootClock, Timers } from "../clock/clock.ts";
import { type ContainerRuntime, RuntimeFault } from "../runtime/container-runtime.ts";

/** How long a start waits for an engine that does not answer, as while it is being restarted. */
export const ENGINE_WAIT_MS = 20_000;
const PAUSE_MS = 200;

/**
 * Resolves once the engine answers, or when the wait is cut. Rejects with RuntimeFault "engine_down" after ENGINE_WAIT_MS: that is
 * no fault of the container's, and another node may be free of it.
 */
export async function engineAnswers(
  runtime: ContainerRuntime,
  clock: BootClock,
  timers: Timers,
  cut: AbortSignal,
): Promise<void> {
  const endMs = clock.nowMs() + ENGINE_WAIT_MS;
  while (!cut.aborted && !(await runtime.ready())) {
    if (clock.nowMs() >= endMs) {
      const waited = `this node's container engine has not answered for ${ENGINE_WAIT_MS / 1_000} s`;
      throw new RuntimeFault("engine_down", `${waited}: look at its service, such as systemctl status docker`);
    }
    await timers.sleep(PAUSE_MS, cut);
  }
}
