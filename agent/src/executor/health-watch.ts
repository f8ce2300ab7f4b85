import type { BootClock, Timers } from "../clock/clock.ts";
import type { HealthProbe } from "./health-check.ts";

/** The pause before the first repeated check; it doubles up to the check's interval, so that a fast start is seen fast. */
const FIRST_PAUSE_MS = 25;
/** Healthy containers are looked at this much less often than starting ones. */
const HEALTHY_PAUSE_FACTOR = 10;
/** Failures in a row that make a healthy container unhealthy. */
export const FAILURES_UNHEALTHY = 3;

export type HealthWait =
  | { readonly kind: "healthy" }
  | { readonly kind: "late" | "ended"; readonly lastProblem: string };

/**
 * Looks until the container serves, its budget is used up ("late") or the signal says that it need not be waited for any
 * more ("ended").
 */
export async function awaitHealthy(
  probe: HealthProbe,
  times: { readonly intervalMs: number; readonly startBudgetMs: number },
  clock: BootClock,
  timers: Timers,
  signal: AbortSignal,
): Promise<HealthWait> {
  const endMs = clock.nowMs() + times.startBudgetMs;
  let lastProblem = "no check was made yet";
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(times.intervalMs, pauseMs * 2)) {
    if (signal.aborted) return { kind: "ended", lastProblem };
    const problem = await probe();
    if (signal.aborted) return { kind: "ended", lastProblem };
    if (problem === null) return { kind: "healthy" };
    lastProblem = problem;
    const leftMs = endMs - clock.nowMs();
    if (leftMs <= 0) return { kind: "late", lastProblem };
    await timers.sleep(Math.min(pauseMs, times.intervalMs, leftMs), signal);
  }
}

/**
 * Watches a running container until the signal ends it: calls `changed` with null when it serves again and with the reason once
 * FAILURES_UNHEALTHY checks in a row have failed.
 */
export async function watchHealth(
  probe: HealthProbe,
  intervalMs: number,
  startsHealthy: boolean,
  timers: Timers,
  signal: AbortSignal,
  changed: (problem: string | null) => void,
): Promise<void> {
  let healthy = startsHealthy;
  let failures = 0;
  while (!signal.aborted) {
    const calm = healthy && failures === 0;
    await timers.sleep(calm ? intervalMs * HEALTHY_PAUSE_FACTOR : intervalMs, signal);
    if (signal.aborted) return;
    const problem = await probe();
    if (signal.aborted) return;
    failures = problem === null ? 0 : failures + 1;
    if (problem === null && !healthy) {
      healthy = true;
      changed(null);
    } else if (problem !== null && healthy && failures >= FAILURES_UNHEALTHY) {
      healthy = false;
      changed(problem);
    }
  }
}
