import { shortened } from "./lease-policy.ts";

/** The time, on the leader's clock, for which a node is known to have held a lease to its soft end without a gap. */
export type LeaseCoverage = { readonly fromMs: number; readonly untilMs: number };

/** What a heartbeat confirms of its sender's lease; durations on the sender's clock. */
export type LeaseConfirmation = { readonly heldForMs: number; readonly remainingMs: number };

/**
 * What a heartbeat proves, whenever it was sent between the acknowledgement that its sender had seen and its receipt: the
 * lease was held from received − heldFor to acknowledged + remaining, both durations shortened by what clock rates may
 * differ. Null when that is nothing.
 */
export function provenBy(
  confirmation: LeaseConfirmation,
  seenAckSentMs: number,
  receivedMs: number,
): LeaseCoverage | null {
  const fromMs = receivedMs - shortened(confirmation.heldForMs);
  const untilMs = seenAckSentMs + shortened(confirmation.remainingMs);
  return confirmation.remainingMs > 0 && untilMs > fromMs ? { fromMs, untilMs } : null;
}

/** Both together where they meet; else the later one, since what matters is the present. */
export function joined(before: LeaseCoverage | null, proven: LeaseCoverage | null): LeaseCoverage | null {
  if (!before || !proven) return proven ?? before;
  const meet = proven.fromMs <= before.untilMs && before.fromMs <= proven.untilMs;
  if (!meet) return proven.untilMs > before.untilMs ? proven : before;
  return {
    fromMs: Math.min(before.fromMs, proven.fromMs),
    untilMs: Math.max(before.untilMs, proven.untilMs),
  };
}

/** True when a lease was held for the whole of the last `lengthMs`. */
export function coversLast(coverage: LeaseCoverage | null, lengthMs: number, nowMs: number): boolean {
  return coverage !== null && coverage.fromMs <= nowMs - lengthMs && coverage.untilMs >= nowMs;
}
