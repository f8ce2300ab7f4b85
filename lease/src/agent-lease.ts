import { softLeaseMs } from "./lease-policy.ts";
import { isVoter, type MembershipEpoch, othersNeededToSurvive } from "./membership.ts";

/** The agent's side of the lease: what it has sent, what was granted, when that ends. All times on its own boot clock. */
export type AgentLease = {
  readonly nodeId: string;
  /** Boot times at which unacknowledged heartbeats were sent, oldest first; bounded by SENT_MAX. */
  readonly sent: readonly SentHeartbeat[];
  /** Boot time of sending of the newest heartbeat that was acknowledged; null before the first of this run. */
  readonly grantedFromMs: number | null;
  /** From here on the agent counts as without lease: it obeys no start, and may vote. Null when it never had one. */
  readonly softEndMs: number | null;
  /** From here on everything is killed; votes may have moved it. Infinite where the guard does not kill. */
  readonly hardEndMs: number | null;
  /** Since when a lease has been held to its soft end without a gap; null without one. */
  readonly heldSinceMs: number | null;
  readonly lastAckSeen: bigint;
  /** The group as this node has journalled it: whom it asks, and what an acknowledgement grants. */
  readonly membership: MembershipEpoch | null;
  /** The newest vote of each voter that was asked since the soft end. */
  readonly votes: readonly Vote[];
};

export type SentHeartbeat = { readonly sequence: bigint; readonly sentMs: number };
/** A voter said that it is without lease, in answer to what was asked at `askedMs`. */
export type Vote = { readonly voterId: string; readonly askedMs: number };

/** Unacknowledged heartbeats that are remembered; older ones could grant nothing any more. */
export const SENT_MAX = 64;

/** A node that has just enrolled. */
export function noLease(nodeId: string): AgentLease {
  return {
    nodeId,
    sent: [],
    grantedFromMs: null,
    softEndMs: null,
    hardEndMs: null,
    heldSinceMs: null,
    lastAckSeen: 0n,
    membership: null,
    votes: [],
  };
}

/** What a guard of this boot remembers of the lease. */
export type RememberedLease = { readonly deadlineMs: number | null; readonly softEndMs: number | null };

/**
 * What a restarted agent knows: the group from its journal, the ends from its guard. What was granted to its predecessor
 * still holds for what runs, and can be prolonged by votes; for a start an acknowledgement of its own is needed.
 */
export function restoredLease(
  nodeId: string,
  membership: MembershipEpoch | null,
  remembered: RememberedLease | null,
): AgentLease {
  return {
    ...noLease(nodeId),
    membership,
    softEndMs: remembered?.softEndMs ?? null,
    hardEndMs: remembered?.deadlineMs ?? null,
  };
}

/** Notes the boot time at which a heartbeat was sent: what its acknowledgement grants is counted from there. */
export function heartbeatSent(lease: AgentLease, sequence: bigint, sentMs: number): AgentLease {
  const kept = lease.sent.length < SENT_MAX ? lease.sent : lease.sent.slice(1 - SENT_MAX);
  return { ...lease, sent: [...kept, { sequence, sentMs }] };
}

/** When the lease would end that an acknowledgement of this heartbeat grants; null when it grants nothing. */
function grantOf(lease: AgentLease, sequence: bigint): { softEndMs: number; hardEndMs: number } | null {
  const answered = lease.sent.find((heartbeat) => heartbeat.sequence === sequence);
  const policy = lease.membership?.policy;
  if (!answered || !policy) return null;
  const hardEndMs = policy.selfFencing ? answered.sentMs + policy.leaseMs : Number.POSITIVE_INFINITY;
  return { softEndMs: answered.sentMs + softLeaseMs(policy.leaseMs), hardEndMs };
}

/**
 * Takes an acknowledgement. It grants L from the sending of the heartbeat it answers, never from its own arrival; one for
 * a heartbeat that is not remembered, or older than the newest acknowledged, grants nothing. Votes are of no more use.
 */
export function ackReceived(lease: AgentLease, sequence: bigint, nowMs: number): AgentLease {
  const answered = lease.sent.find((heartbeat) => heartbeat.sequence === sequence);
  const grant = grantOf(lease, sequence);
  if (!answered || !grant) return lease;
  const unbroken = lease.heldSinceMs !== null && lease.softEndMs !== null && nowMs < lease.softEndMs;
  return {
    ...lease,
    sent: lease.sent.filter((heartbeat) => heartbeat.sequence > sequence),
    grantedFromMs: Math.max(answered.sentMs, lease.grantedFromMs ?? answered.sentMs),
    softEndMs: Math.max(grant.softEndMs, lease.softEndMs ?? grant.softEndMs),
    hardEndMs: Math.max(grant.hardEndMs, lease.hardEndMs ?? grant.hardEndMs),
    heldSinceMs: unbroken ? lease.heldSinceMs : nowMs,
    lastAckSeen: sequence,
    votes: [],
  };
}

/**
 * Takes the group's new epoch; call it once the journal has it. An older epoch than the one known changes nothing. Votes that
 * were asked under another epoch do not count in this one. Where the guard begins to kill from now on, what runs has L left.
 */
export function membershipAdopted(lease: AgentLease, membership: MembershipEpoch, nowMs: number): AgentLease {
  if (lease.membership && membership.epoch <= lease.membership.epoch) return lease;
  const unfenced = lease.hardEndMs === Number.POSITIVE_INFINITY;
  const fencedFromNow = unfenced && membership.policy.selfFencing;
  return {
    ...lease,
    membership,
    votes: [],
    hardEndMs: fencedFromNow ? nowMs + membership.policy.leaseMs : lease.hardEndMs,
  };
}

/** True from the soft end until the killing begins, where peers may be asked. */
export function asksPeers(lease: AgentLease, nowMs: number): boolean {
  const { softEndMs, hardEndMs, membership } = lease;
  if (softEndMs === null || hardEndMs === null || !membership) return false;
  if (hardEndMs === Number.POSITIVE_INFINITY) return false;
  return nowMs >= softEndMs && nowMs < hardEndMs && Number.isFinite(othersNeededToSurvive(membership, lease.nodeId));
}

/**
 * Takes the word of a voter that it is without lease. With enough of them the hard end moves to the oldest asking among the
 * newest such majority, plus v. What was asked before the soft end counts for nothing, and so does what comes once the
 * hard end has passed: what is being killed is not saved.
 */
export function voteReceived(lease: AgentLease, vote: Vote, nowMs: number): AgentLease {
  const { membership, softEndMs, hardEndMs } = lease;
  if (!membership || softEndMs === null || hardEndMs === null || !asksPeers(lease, nowMs)) return lease;
  if (vote.askedMs < softEndMs || vote.askedMs > nowMs) return lease;
  if (vote.voterId === lease.nodeId || !isVoter(membership, vote.voterId)) return lease;
  const before = lease.votes.find(({ voterId }) => voterId === vote.voterId);
  if (before && before.askedMs >= vote.askedMs) return lease;
  const votes = [...lease.votes.filter((other) => other !== before), vote];
  const needed = othersNeededToSurvive(membership, lease.nodeId);
  const newestFirst = votes.map(({ askedMs }) => askedMs).sort((a, b) => b - a);
  const oldestOfMajority = newestFirst[needed - 1];
  const survivesUntilMs = oldestOfMajority === undefined ? hardEndMs : oldestOfMajority + membership.policy.voteMs;
  return { ...lease, votes, hardEndMs: Math.max(hardEndMs, survivesUntilMs) };
}

/** True before the soft end of a lease that this run of the agent was granted: a start may be obeyed. */
export function mayStart(lease: AgentLease, nowMs: number): boolean {
  return lease.grantedFromMs !== null && lease.softEndMs !== null && nowMs < lease.softEndMs;
}

/**
 * True while what runs may run on: under a lease, or under votes without a gap since. A crashed copy of the same epoch may
 * be started again by the agent itself. Once a hard end has passed, only the next acknowledgement makes it true again.
 */
export function mayRun(lease: AgentLease, nowMs: number): boolean {
  return lease.hardEndMs !== null && nowMs < lease.hardEndMs;
}

/** What a heartbeat confirms: for how long a lease has been held without a gap, and how long it still holds. */
export function confirmation(lease: AgentLease, nowMs: number): { heldForMs: number; remainingMs: number } {
  const { softEndMs, heldSinceMs } = lease;
  if (softEndMs === null || heldSinceMs === null || nowMs >= softEndMs) return { heldForMs: 0, remainingMs: 0 };
  return { heldForMs: Math.max(0, Math.floor(nowMs - heldSinceMs)), remainingMs: Math.floor(softEndMs - nowMs) };
}
