import { coversLast } from "@lormas/lease/lease-coverage.ts";
import type { MembershipHistory } from "@lormas/lease/membership.ts";
import { type NodeLedger, nodeWaitMs } from "@lormas/lease/node-ledger.ts";
import type { NodeSigns } from "./voting-group.ts";

/**
 * What of a node's account decides on its part in voting groups at one moment; each found out when it is asked for. `blocked`: its
 * death cannot be proven now.
 */
export function signsAt(ledger: NodeLedger, blocked: boolean, history: MembershipHistory, nowMs: number): NodeSigns {
  const coverage = ledger.phase === "dead" ? null : ledger.coverage;
  return {
    get confirmed() {
      return coverage !== null && coverage.fromMs <= nowMs && nowMs <= coverage.untilMs;
    },
    get proves() {
      return coversLast(coverage, nodeWaitMs(ledger, history, nowMs), nowMs);
    },
    get undecided() {
      if (ledger.phase !== "silent") return ledger.phase === "deciding";
      return !blocked && Number.isFinite(nodeWaitMs(ledger, history, nowMs));
    },
    confirmedEpoch: ledger.confirmedEpoch,
    get leaving() {
      return ledger.left.some(({ untilMs }) => untilMs > nowMs);
    },
  };
}

/** W of a node as if every epoch that it may believe in fenced it. */
export function finiteWaitMs(ledger: NodeLedger, history: MembershipHistory, nowMs: number): number {
  const [first, ...rest] = history.map((epoch) => ({ ...epoch, policy: { ...epoch.policy, selfFencing: true } }));
  return first ? nodeWaitMs(ledger, [first, ...rest], nowMs) : Number.POSITIVE_INFINITY;
}
