import type { BootClock, Timers } from "../clock/clock.ts";
import type { GateDecision } from "./command-gate.ts";

/** How long a start waits for the lease that it needs, before it is refused. */
export const LEASE_WAIT_MS = 1_500;
const LEASE_POLL_MS = 20;

/**
 * Waits while the gate refuses for want of a lease, at most LEASE_WAIT_MS. The command stream often stands before the
 * first acknowledgement has come: a start that comes then is early, not wrong.
 */
export async function awaitLease(gate: () => GateDecision, clock: BootClock, timers: Timers): Promise<void> {
  const untilMs = clock.nowMs() + LEASE_WAIT_MS;
  for (;;) {
    const decision = gate();
    if (decision.kind !== "refuse" || decision.code !== "no_lease" || clock.nowMs() >= untilMs) return;
    await timers.sleep(LEASE_POLL_MS);
  }
}
