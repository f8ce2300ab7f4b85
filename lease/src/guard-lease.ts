/**
 * What the guard knows of a lease: until when HA containers may run. All times on the boot clock of this machine. Pure; the
 * guard process reads the clock, keeps the record and kills.
 */
export type GuardLease = {
  /** From here on everything is killed; null: no lease is known in this boot, so nothing may run. */
  readonly deadlineMs: number | null;
  /** K: within which the killing must be done. */
  readonly killMs: number;
};

/** What is kept across a death of the guard process. */
export type GuardRecord = { readonly bootId: string; readonly deadlineMs: number | null; readonly killMs: number };

/** The farthest that a deadline may lie ahead; one beyond it is a mistake and is not taken. */
export const DEADLINE_AHEAD_MAX_MS = 3_600_000;

/** K as long as no policy has told another. */
export const KILL_MS_DEFAULT = 1_000;

export const NO_GUARD_LEASE: GuardLease = { deadlineMs: null, killMs: KILL_MS_DEFAULT };

/** What a starting guard believes: the record of this very boot; without one it holds no lease, and kills. */
export function guardRestored(record: GuardRecord | null, bootId: string, nowMs: number): GuardLease {
  if (!record || record.bootId !== bootId || record.deadlineMs === null) return NO_GUARD_LEASE;
  if (!isDeadline(record.deadlineMs, nowMs)) return NO_GUARD_LEASE;
  return { deadlineMs: record.deadlineMs, killMs: record.killMs };
}

/**
 * Takes a new deadline. It only ever moves ahead: each one is a grant of the leader, and a late message of an older agent must
 * not shorten what holds. A deadline that is no number or too far ahead changes nothing.
 */
export function guardRenewed(lease: GuardLease, deadlineMs: number, killMs: number, nowMs: number): GuardLease {
  if (!isDeadline(deadlineMs, nowMs) || !(killMs > 0)) return lease;
  if (lease.deadlineMs !== null && deadlineMs <= lease.deadlineMs) return lease;
  return { deadlineMs, killMs };
}

/** True from the deadline on, and whenever no lease is known. */
export function guardMustKill(lease: GuardLease, nowMs: number): boolean {
  return lease.deadlineMs === null || nowMs >= lease.deadlineMs;
}

/** Milliseconds until something may have to be done; 0 when it has to be done now. */
export function guardWaitMs(lease: GuardLease, nowMs: number): number {
  return lease.deadlineMs === null ? 0 : Math.max(0, lease.deadlineMs - nowMs);
}

function isDeadline(deadlineMs: number, nowMs: number): boolean {
  return Number.isFinite(deadlineMs) && deadlineMs >= 0 && deadlineMs <= nowMs + DEADLINE_AHEAD_MAX_MS;
}
