import { LEASE_MAX_MS } from "./lease-policy.ts";

/**
 * What the guard knows of a lease: until when HA containers may run. All times on the boot clock of this machine. Pure; the
 * guard process reads the clock, keeps the record and kills.
 */
export type GuardLease = {
  /** From here on everything is killed; null: no lease is known in this boot, so nothing may run. */
  readonly deadlineMs: number | null;
  /** The soft end of the newest acknowledged lease; it tells an acknowledgement from a mere prolongation by votes. */
  readonly softEndMs: number | null;
  /** K: within which the killing must be done. */
  readonly killMs: number;
  /** False where one node has long been alone: nothing is killed for want of a lease. */
  readonly fenced: boolean;
};

/** What is kept across a death of the guard process. */
export type GuardRecord = GuardLease & { readonly bootId: string };

/** What the agent asks for after an acknowledgement or a majority of votes. Without fencing the deadline says nothing. */
export type GuardGrant = {
  readonly deadlineMs: number;
  readonly softEndMs: number;
  readonly killMs: number;
  readonly fenced: boolean;
};

/** The farthest that a deadline may lie ahead; one beyond it is a mistake and is not taken. */
export const DEADLINE_AHEAD_MAX_MS = LEASE_MAX_MS;

/** K as long as no policy has told another. */
export const KILL_MS_DEFAULT = 1_000;

export const NO_GUARD_LEASE: GuardLease = {
  deadlineMs: null,
  softEndMs: null,
  killMs: KILL_MS_DEFAULT,
  fenced: true,
};

/** What a starting guard believes: the record of this very boot; without one it holds no lease, and kills. */
export function guardRestored(record: GuardRecord | null, bootId: string, nowMs: number): GuardLease {
  if (!record || record.bootId !== bootId || record.deadlineMs === null) return NO_GUARD_LEASE;
  const { deadlineMs, softEndMs, killMs, fenced } = record;
  if (fenced && !isWithinReach(deadlineMs, nowMs)) return NO_GUARD_LEASE;
  return { deadlineMs, softEndMs, killMs, fenced };
}

export type GuardOutcome = { readonly lease: GuardLease; readonly refused: string | null };

/**
 * Takes a grant. The deadline only ever moves ahead, so that a late message of an older agent shortens nothing. Once the
 * deadline has passed, and the killing has begun, only a newer acknowledgement (a later soft end) ends it: votes that come
 * then save nothing. A deadline in the past or too far ahead changes nothing.
 */
export function guardRenewed(lease: GuardLease, grant: GuardGrant, nowMs: number): GuardOutcome {
  const { deadlineMs, softEndMs, killMs, fenced } = grant;
  const refuse = (refused: string): GuardOutcome => ({ lease, refused });
  if (!(killMs > 0) || !Number.isFinite(softEndMs)) return refuse("the grant is not whole");
  const isNewer = lease.softEndMs === null || softEndMs > lease.softEndMs;
  if (!fenced) {
    if (!isNewer && lease.fenced) return refuse("it is no newer than the lease that is held");
    return { lease: { deadlineMs: softEndMs, softEndMs, killMs, fenced }, refused: null };
  }
  if (!isWithinReach(deadlineMs, nowMs)) {
    return refuse(`the deadline lies more than ${DEADLINE_AHEAD_MAX_MS} ms ahead, or is no number`);
  }
  if (deadlineMs <= nowMs) return refuse("the deadline has passed already");
  if (!lease.fenced) return { lease: { deadlineMs, softEndMs, killMs, fenced }, refused: null };
  if (guardMustKill(lease, nowMs) && !isNewer) return refuse("the killing has begun: only a new lease ends it");
  const latestSoftEndMs = Math.max(softEndMs, lease.softEndMs ?? softEndMs);
  if (lease.deadlineMs !== null && deadlineMs <= lease.deadlineMs) {
    // Votes reach farther than this acknowledgement, whose soft end still tells until when no vote may be given.
    return { lease: isNewer ? { ...lease, softEndMs: latestSoftEndMs } : lease, refused: null };
  }
  return { lease: { deadlineMs, softEndMs: latestSoftEndMs, killMs, fenced }, refused: null };
}

/** True from the deadline on, and whenever no lease is known. */
export function guardMustKill(lease: GuardLease, nowMs: number): boolean {
  return lease.deadlineMs === null || (lease.fenced && nowMs >= lease.deadlineMs);
}

/** Milliseconds until something may have to be done; 0 when it has to be done now, infinite when never by itself. */
export function guardWaitMs(lease: GuardLease, nowMs: number): number {
  if (lease.deadlineMs === null) return 0;
  return lease.fenced ? Math.max(0, lease.deadlineMs - nowMs) : Number.POSITIVE_INFINITY;
}

function isWithinReach(deadlineMs: number, nowMs: number): boolean {
  return Number.isFinite(deadlineMs) && deadlineMs >= 0 && deadlineMs <= nowMs + DEADLINE_AHEAD_MAX_MS;
}
