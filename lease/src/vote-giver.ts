import type { AgentLease, RememberedLease } from "./agent-lease.ts";
import { stretched } from "./lease-policy.ts";
import type { MembershipEpoch } from "./membership.ts";

/** Until when this agent gives no vote, because it cannot know what it held. Boot time, ms. */
export type VoteGiver = { readonly silentUntilMs: number };

/** The answer to a peer that asks whether this node is without lease. */
export type VoteAnswer = { readonly withoutLease: boolean; readonly reason: string };

/**
 * A starting agent has forgotten what it held and confirmed: it gives no vote for L (1 + ρ)/(1 − ρ), unless its guard's
 * record of this boot tells when the lease's soft end was. Without a journalled group it never held a lease of any.
 */
export function voteGiverAtStart(
  membership: MembershipEpoch | null,
  remembered: RememberedLease | null,
  nowMs: number,
): VoteGiver {
  if (!membership) return { silentUntilMs: nowMs };
  if (remembered && remembered.softEndMs !== null) return { silentUntilMs: remembered.softEndMs };
  return { silentUntilMs: nowMs + stretched(membership.policy.leaseMs) };
}

/** After a goodbye nothing more is confirmed, while what was confirmed before may still be counted: no vote for as long. */
export function voteGiverAfterGoodbye(giver: VoteGiver, membership: MembershipEpoch | null, nowMs: number): VoteGiver {
  if (!membership) return giver;
  return { silentUntilMs: Math.max(giver.silentUntilMs, nowMs + stretched(membership.policy.leaseMs)) };
}

/** Whether this node gives its vote now: only past the soft end of its own lease. */
export function voteAnswer(giver: VoteGiver, lease: AgentLease, nowMs: number): VoteAnswer {
  if (nowMs < giver.silentUntilMs) {
    return { withoutLease: false, reason: "this agent has started, or left, so lately that it may have held a lease" };
  }
  if (lease.softEndMs !== null && nowMs < lease.softEndMs) {
    return { withoutLease: false, reason: "this node holds a lease" };
  }
  return { withoutLease: true, reason: "" };
}
