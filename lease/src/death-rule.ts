import { coversLast, type LeaseCoverage } from "./lease-coverage.ts";
import {
  believedEpochs,
  type MembershipEpoch,
  type MembershipHistory,
  othersNeededToDeclare,
  othersNeededToSurvive,
  presentEpoch,
  type Voter,
} from "./membership.ts";
import { type NodeLedger, nodeWaitMs } from "./node-ledger.ts";

/** Whether the leader may declare a node dead, or what stands against it. */
export type DeathVerdict =
  | { readonly kind: "may" }
  /** W is not over yet. */
  | { readonly kind: "wait"; readonly untilMs: number }
  /** In this epoch too few voters have confirmed that they held leases; those named have not. */
  | {
      readonly kind: "majority_lost";
      readonly epoch: number;
      readonly needed: number;
      readonly confirmed: number;
      readonly missing: readonly Voter[];
    };

/**
 * The leader's rule. A node may be declared dead W after its last acknowledged heartbeat, and only if in every set that it may
 * still believe in more than half of voters and leader, the node left out, have held leases to their soft ends for the
 * whole of the last W, as they themselves confirmed. Had it survived by votes, one of those would have given its vote. A set
 * before the present one in which the node cannot survive by votes is not asked: there W alone proves that nothing runs.
 *
 * `coverageOf` answers what is known of a voter's lease; null for one that is not heard.
 */
export function deathVerdict(
  nodeId: string,
  ledger: NodeLedger,
  history: MembershipHistory,
  coverageOf: (voterId: string) => LeaseCoverage | null,
  nowMs: number,
): DeathVerdict {
  const windowMs = nodeWaitMs(ledger, history, nowMs);
  const overMs = ledger.countsFromMs + windowMs;
  if (nowMs < overMs) return { kind: "wait", untilMs: overMs };
  for (const membership of believedEpochs(history, ledger.confirmedEpoch)) {
    if (!isAsked(membership, nodeId, history)) continue;
    const others = membership.voters.filter((voter) => voter.nodeId !== nodeId);
    const missing = others.filter((voter) => !coversLast(coverageOf(voter.nodeId), windowMs, nowMs));
    const confirmed = others.length - missing.length;
    const needed = othersNeededToDeclare(membership);
    if (confirmed < needed) return { kind: "majority_lost", epoch: membership.epoch, needed, confirmed, missing };
  }
  return { kind: "may" };
}

// The present set proves every death: a leader that cannot hear most of it may be what is cut off, and moves nothing.
function isAsked(membership: MembershipEpoch, nodeId: string, history: MembershipHistory): boolean {
  if (membership.epoch === presentEpoch(history).epoch) return true;
  return Number.isFinite(othersNeededToSurvive(membership, nodeId));
}
