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
    // They are counted on the host's boot clock.
    trustedMs: Number.POSITIVE_INFINITY,
    after: (delayMs, run) => process.after(delayMs, run),
    sleep(delayMs, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const done = (): void => {
          cancel();
          if (signal) sleepersOf(signal).delete(done);
          resolve();
        };
        const cancel = process.after(delayMs, done);
        if (signal) sleepersOf(signal).add(done);
      });
    },
  };
}

/** Who is to be woken when a signal is aborted: agents sleep by the thousand under the same few signals. */
const sleepers = new WeakMap<AbortSignal, Set<() => void>>();

function sleepersOf(signal: AbortSignal): Set<() => void> {
  let waiting = sleepers.get(signal);
  if (!waiting) {
    const woken = new Set<() => void>();
    signal.addEventListener(
      "abort",
      () => {
        for (const wake of [...woken]) wake();
      },
      { once: true },
    );
    sleepers.set(signal, woken);
    waiting = woken;
  }
  return waiting;
}
