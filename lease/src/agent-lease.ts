import type { LeasePolicy } from "./lease-policy.ts";

/** The agent's side of the lease: what it has sent, what was granted, when that ends. All times on its own boot clock. */
export type AgentLease = {
  /** Boot times at which unacknowledged heartbeats were sent, oldest first; bounded by SENT_MAX. */
  readonly sent: readonly SentHeartbeat[];
  /** Boot time of sending of the newest heartbeat that was acknowledged; null before the first. */
  readonly grantedFromMs: number | null;
  /** Since when a lease has been held to its soft end without a gap; null without one. */
  readonly heldSinceMs: number | null;
  readonly lastAckSeen: bigint;
  readonly policy: LeasePolicy | null;
};

export type SentHeartbeat = { readonly sequence: bigint; readonly sentMs: number };

/** Unacknowledged heartbeats that are remembered; older ones could grant nothing any more. */
export const SENT_MAX = 64;

export const NO_LEASE: AgentLease = {
  sent: [],
  grantedFromMs: null,
  heldSinceMs: null,
  lastAckSeen: 0n,
  policy: null,
};

/** Notes the boot time at which a heartbeat was sent: what its acknowledgement grants is counted from there. */
export function heartbeatSent(lease: AgentLease, sequence: bigint, sentMs: number): AgentLease {
  return { ...lease, sent: [...lease.sent, { sequence, sentMs }].slice(-SENT_MAX) };
}

/**
 * Takes an acknowledgement. It grants L from the sending of the heartbeat it answers, never from its own arrival; one for
 * a heartbeat that is not remembered, or older than the newest acknowledged, grants nothing.
 */
export function ackReceived(lease: AgentLease, sequence: bigint, policy: LeasePolicy, nowMs: number): AgentLease {
  const answered = lease.sent.find((heartbeat) => heartbeat.sequence === sequence);
  if (!answered) return lease;
  const sent = lease.sent.filter((heartbeat) => heartbeat.sequence > sequence);
  const before = softEndMs(lease);
  const unbroken = before !== null && nowMs < before;
  const grantedFromMs = Math.max(answered.sentMs, lease.grantedFromMs ?? answered.sentMs);
  return {
    sent,
    grantedFromMs,
    heldSinceMs: unbroken ? lease.heldSinceMs : nowMs,
    lastAckSeen: sequence,
    policy,
  };
}

/** From here on the agent counts as without lease: it obeys no start. Null when there never was one. */
export function softEndMs(lease: AgentLease): number | null {
  return lease.grantedFromMs === null || !lease.policy ? null : lease.grantedFromMs + lease.policy.leaseMs / 2;
}

/** From here on the guard kills. Null when there never was a lease. */
export function hardEndMs(lease: AgentLease): number | null {
  return lease.grantedFromMs === null || !lease.policy ? null : lease.grantedFromMs + lease.policy.leaseMs;
}

/** True before the soft end: a start may be obeyed. */
export function mayStart(lease: AgentLease, nowMs: number): boolean {
  const end = softEndMs(lease);
  return end !== null && nowMs < end;
}

/** What a heartbeat confirms: for how long a lease has been held without a gap, and how long it still holds. */
export function confirmation(lease: AgentLease, nowMs: number): { heldForMs: number; remainingMs: number } {
  const end = softEndMs(lease);
  if (end === null || nowMs >= end || lease.heldSinceMs === null) return { heldForMs: 0, remainingMs: 0 };
  return { heldForMs: Math.max(0, Math.floor(nowMs - lease.heldSinceMs)), remainingMs: Math.floor(end - nowMs) };
}
