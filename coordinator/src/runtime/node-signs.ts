import { coversLast, type LeaseCoverage } from "@lormas/lease/lease-coverage.ts";
import type { MembershipHistory } from "@lormas/lease/membership.ts";
import { type NodeLedger, nodeWaitMs } from "@lormas/lease/node-ledger.ts";
import type { NodeSigns } from "./voting-group.ts";

/**
 * What of a node's account decides on its part in voting groups at one moment; each found out when it is asked for. `blocked`: its
 * death cannot be proven now.
 */
export class SignsAt implements NodeSigns {
  readonly #ledger: NodeLedger;
  readonly #blocked: boolean;
  readonly #history: MembershipHistory;
  readonly #nowMs: number;

  constructor(ledger: NodeLedger, blocked: boolean, history: MembershipHistory, nowMs: number) {
    this.#ledger = ledger;
    this.#blocked = blocked;
    this.#history = history;
    this.#nowMs = nowMs;
  }

  get confirmed(): boolean {
    const coverage = this.#coverage;
    return coverage !== null && coverage.fromMs <= this.#nowMs && this.#nowMs <= coverage.untilMs;
  }

  get proves(): boolean {
    return coversLast(this.#coverage, this.#waitMs, this.#nowMs);
  }

  get undecided(): boolean {
    if (this.#ledger.phase !== "silent") return this.#ledger.phase === "deciding";
    return !this.#blocked && Number.isFinite(this.#waitMs);
  }

  get confirmedEpoch(): number | null {
    return this.#ledger.confirmedEpoch;
  }

  get leaving(): boolean {
    return this.#ledger.left.some(({ untilMs }) => untilMs > this.#nowMs);
  }

  get #coverage(): LeaseCoverage | null {
    return this.#ledger.phase === "dead" ? null : this.#ledger.coverage;
  }

  get #waitMs(): number {
    return nodeWaitMs(this.#ledger, this.#history, this.#nowMs);
  }
}

/** W of a node as if every epoch that it may believe in fenced it. */
export function finiteWaitMs(ledger: NodeLedger, history: MembershipHistory, nowMs: number): number {
  const [first, ...rest] = history.map((epoch) => ({ ...epoch, policy: { ...epoch.policy, selfFencing: true } }));
  return first ? nodeWaitMs(ledger, [first, ...rest], nowMs) : Number.POSITIVE_INFINITY;
}
