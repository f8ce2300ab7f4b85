import { CLOCK_RATE_ERROR_MAX } from "@lormas/lease/lease-policy.ts";

/** The leadership row as read: who holds it, and a counter that every renewal raises. */
export type LeadershipRecord = {
  readonly holder: string | null;
  readonly term: number;
  readonly renewals: number;
  readonly ttlMs: number;
};

/** What a coordinator has seen of a row that another one holds: since when, on its own boot clock, it did not change. */
export type LeadershipWatch = { readonly record: LeadershipRecord; readonly unchangedSinceMs: number };

/** Takes note of a row that was read at nowMs. Stored times are never compared; only change counts. */
export function watchLeadership(
  watch: LeadershipWatch | null,
  record: LeadershipRecord,
  nowMs: number,
): LeadershipWatch {
  const same =
    watch !== null &&
    watch.record.holder === record.holder &&
    watch.record.term === record.term &&
    watch.record.renewals === record.renewals;
  return same ? watch : { record, unchangedSinceMs: nowMs };
}

/**
 * A standby may take over once it has seen the row unchanged on its own clock for TTL (1+ρ)/(1−ρ): whatever the clock
 * rates, the holder has by then stopped by itself. At once when nobody holds it, or when the holder is this very
 * instance's predecessor, which the lock on the data directory proves dead.
 */
export function mayTakeOver(watch: LeadershipWatch, instance: string, nowMs: number): boolean {
  const { holder, ttlMs } = watch.record;
  if (holder === null || holder === instance) return true;
  return nowMs - watch.unchangedSinceMs >= takeoverWaitMs(ttlMs);
}

export function takeoverWaitMs(ttlMs: number): number {
  return Math.ceil((ttlMs * (1 + CLOCK_RATE_ERROR_MAX)) / (1 - CLOCK_RATE_ERROR_MAX));
}

/** The holder's own view: its lease runs from the moment it asked for it, not from the answer. */
export type HeldLease = { readonly term: number; readonly askedMs: number; readonly ttlMs: number };

/** False from TTL after the last successful asking on: nothing may be granted, decided or sent any more. */
export function holds(lease: HeldLease | null, nowMs: number): lease is HeldLease {
  return lease !== null && nowMs < lease.askedMs + lease.ttlMs;
}
