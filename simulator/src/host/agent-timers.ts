import type { BootClock, Timers } from "@lormas/agent/clock/clock.ts";
import type { HostClock } from "../clock/host-clock.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";

/** A host's boot clock as agent and guard read it. */
export function agentClock(clock: HostClock): BootClock {
  return { nowMs: () => clock.bootMs() };
}

/** A process's timers as agent and guard take them. */
export function agentTimers(process: SimulatedProcess): Timers {
  return {
    after: (delayMs, run) => process.after(delayMs, run),
    sleep(delayMs, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const done = (): void => {
          cancel();
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const cancel = process.after(delayMs, done);
        signal?.addEventListener("abort", done, { once: true });
      });
    },
  };
}
