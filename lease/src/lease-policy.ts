/**
 * The heartbeat profile of a cluster and the arithmetic that must hold for it; docs/fencing.md derives it.
 * All durations in milliseconds.
 */
export type LeasePolicy = {
  readonly profile: string;
  /** Between two heartbeats. */
  readonly intervalMs: number;
  /** L: what one acknowledgement grants, counted from the sending of the heartbeat it answers. */
  readonly leaseMs: number;
  /** K: within which the guard has killed everything once the lease is over. */
  readonly killMs: number;
};

/** ρ: how much two clock rates may differ from true time, as a fraction. */
export const CLOCK_RATE_ERROR_MAX = 0.05;
/** Between the end of W and the committed decision. */
export const DECISION_BUDGET_MS = 300;
/** What the bound reckons for a start where no egg says otherwise. */
export const DEFAULT_START_BUDGET_MS = 1_000;
/** Heartbeats in a row that must be missing before a node is shown as unhealthy. */
export const MISSED_HEARTBEATS_UNHEALTHY = 3;

const profile = (name: string, intervalMs: number, leaseMs: number, killMs: number): LeasePolicy => ({
  profile: name,
  intervalMs,
  leaseMs,
  killMs,
});

/** The profiles that ship. */
export const LEASE_PROFILES = {
  lan: profile("lan", 100, 800, 200),
  fast: profile("fast", 200, 1_600, 500),
  default: profile("default", 600, 5_000, 1_000),
  large: profile("large", 1_000, 8_000, 1_000),
  patient: profile("patient", 2_500, 20_000, 5_000),
} as const satisfies Record<string, LeasePolicy>;

/**
 * W: how long the leader waits, on its own clock, from the receipt of the last heartbeat it acknowledged until nothing of
 * that node can run any more: (L + K)(1 + ρ)/(1 − ρ), rounded up.
 */
export function waitMs(policy: LeasePolicy): number {
  return Math.ceil(((policy.leaseMs + policy.killMs) * (1 + CLOCK_RATE_ERROR_MAX)) / (1 - CLOCK_RATE_ERROR_MAX));
}

/** When missing heartbeats make a node unhealthy, counted from the last one received; well before W. */
export function unhealthyAfterMs(policy: LeasePolicy): number {
  return policy.intervalMs * MISSED_HEARTBEATS_UNHEALTHY;
}

/** One term of the failover bound. */
export type BoundTerm = { readonly name: string; readonly ms: number };

/**
 * The longest time without service after a node dies, as a sum of named terms: W, one heartbeat (death may come right
 * before the next is due), the decision and the egg's start budget.
 */
export function failoverBound(policy: LeasePolicy, startBudgetMs: number): { totalMs: number; terms: BoundTerm[] } {
  const terms = [
    { name: "wait", ms: waitMs(policy) },
    { name: "heartbeat", ms: policy.intervalMs },
    { name: "decision", ms: DECISION_BUDGET_MS },
    { name: "start", ms: startBudgetMs },
  ];
  return { totalMs: terms.reduce((sum, term) => sum + term.ms, 0), terms };
}

/** What is wrong with a policy, with the arithmetic; empty when it is safe. */
export function policyProblems(policy: LeasePolicy): string[] {
  const problems: string[] = [];
  const { intervalMs, leaseMs, killMs } = policy;
  if (![intervalMs, leaseMs, killMs].every((ms) => Number.isInteger(ms) && ms > 0)) {
    return ["interval, lease and kill must be whole milliseconds above zero"];
  }
  if (intervalMs < 50) problems.push(`heartbeat interval ${intervalMs} ms is below the least, 50 ms`);
  if (leaseMs > 3_600_000) problems.push(`lease ${leaseMs} ms is above the most, 3,600,000 ms`);
  if (leaseMs < 8 * intervalMs) {
    problems.push(`lease ${leaseMs} ms is below 8 heartbeats (8 × ${intervalMs} ms = ${8 * intervalMs} ms)`);
  }
  if (killMs < 100) problems.push(`kill time ${killMs} ms is below the least, 100 ms`);
  return problems;
}
