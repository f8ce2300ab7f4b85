import type { BootClock, Timers } from "../clock/clock.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import type { HealthProbe } from "./health-check.ts";
import { awaitHealthy, type HealthWait } from "./health-watch.ts";

/** Waits until a copy that was started serves, has ended, its budget is used up, or the signal cuts the wait. */
export async function awaitServing(
  containerId: string,
  probe: HealthProbe,
  times: { readonly intervalMs: number; readonly startBudgetMs: number },
  by: { readonly runtime: ContainerRuntime; readonly clock: BootClock; readonly timers: Timers },
  cut: AbortSignal,
): Promise<HealthWait> {
  const ended = new AbortController();
  const stopListening = by.runtime.onChange((changed) => {
    if (changed !== containerId) return;
    void by.runtime.inspect(containerId).then(
      (now) => now?.state !== "running" && ended.abort(),
      () => undefined,
    );
  });
  const signal = AbortSignal.any([cut, ended.signal]);
  return awaitHealthy(probe, times, by.clock, by.timers, signal).finally(stopListening);
}
