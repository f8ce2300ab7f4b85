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
  /** v: what a majority of votes grants, counted from the oldest asking among them. */
  readonly voteMs: number;
  /** How long heartbeats must be missing before a node is shown as unhealthy; the leader never waits less than this. */
  readonly unhealthyMs: number;
  /** Agents ask their peers before they kill. Off where agents cannot reach each other. */
  readonly survival: boolean;
  /** The guard kills when the lease is over. Off only where one node has long been alone, and nothing could run twice. */
  readonly selfFencing: boolean;
};

/** ρ: how much the rate of a clock may differ from true time, as a fraction. */
export const CLOCK_RATE_ERROR_MAX = 0.05;
/** Between the end of W and the committed decision. */
export const DECISION_BUDGET_MS = 300;
/** What the bound reckons for a start where no egg says otherwise. */
export const DEFAULT_START_BUDGET_MS = 1_000;
/** Heartbeats in a row that must be missing before a node is shown as unhealthy, where no policy says otherwise. */
export const MISSED_HEARTBEATS_UNHEALTHY = 3;
/** Heartbeats that must be missing at least: with fewer every node is unhealthy between two of them. */
export const UNHEALTHY_HEARTBEATS_MIN = 2;
/** Heartbeats that fit into one lease, at least: a lease must survive the loss of a few. */
export const HEARTBEATS_PER_LEASE_MIN = 8;
export const INTERVAL_MIN_MS = 50;
export const KILL_MIN_MS = 100;
/** No lease is longer; one beyond it is a mistake. */
export const LEASE_MAX_MS = 3_600_000;

/** What an operator chooses; the rest of a policy follows from it. */
export type PolicyChoice = Pick<LeasePolicy, "profile" | "intervalMs" | "leaseMs" | "killMs"> &
  Partial<Pick<LeasePolicy, "voteMs" | "unhealthyMs" | "survival" | "selfFencing">>;

/** The whole policy: v = L/2, unhealthy after three missing heartbeats, survival and fencing on, unless said otherwise. */
export function completePolicy(choice: PolicyChoice): LeasePolicy {
  return {
    profile: choice.profile,
    intervalMs: choice.intervalMs,
    leaseMs: choice.leaseMs,
    killMs: choice.killMs,
    voteMs: choice.voteMs ?? Math.floor(choice.leaseMs / 2),
    unhealthyMs: choice.unhealthyMs ?? choice.intervalMs * MISSED_HEARTBEATS_UNHEALTHY,
    survival: choice.survival ?? true,
    selfFencing: choice.selfFencing ?? true,
  };
}

const profile = (name: string, intervalMs: number, leaseMs: number, killMs: number, unhealthyMs?: number) =>
  completePolicy({
    profile: name,
    intervalMs,
    leaseMs,
    killMs,
    ...(unhealthyMs === undefined ? {} : { unhealthyMs }),
  });

/** The profiles that ship. */
export const LEASE_PROFILES = {
  lan: profile("lan", 100, 800, 200),
  fast: profile("fast", 200, 1_600, 500),
  default: profile("default", 600, 5_000, 1_000),
  large: profile("large", 1_000, 8_000, 1_000),
  patient: profile("patient", 2_500, 20_000, 5_000, 30_000),
} as const satisfies Record<string, LeasePolicy>;

/** The longest that `ms` on one clock can last on another, when both err by at most ρ: ms (1 + ρ)/(1 − ρ). */
export function stretched(ms: number): number {
  return (ms * (1 + CLOCK_RATE_ERROR_MAX)) / (1 - CLOCK_RATE_ERROR_MAX);
}

/** The least that `ms` on one clock lasts on another, when both err by at most ρ: ms (1 − ρ)/(1 + ρ). */
export function shortened(ms: number): number {
  return (ms * (1 - CLOCK_RATE_ERROR_MAX)) / (1 + CLOCK_RATE_ERROR_MAX);
}

/**
 * W: how long the leader waits, on its own clock, from the receipt of the last heartbeat it acknowledged until nothing of
 * that node can run any more: (L + K)(1 + ρ)/(1 − ρ), rounded up. Infinite where the guard does not kill.
 */
export function waitMs(policy: LeasePolicy): number {
  if (!policy.selfFencing) return Number.POSITIVE_INFINITY;
  return Math.max(Math.ceil(stretched(policy.leaseMs + policy.killMs)), policy.unhealthyMs);
}

/** From the sending of the acknowledged heartbeat: until here the agent counts as holding a lease. */
export function softLeaseMs(leaseMs: number): number {
  return leaseMs / 2;
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
  const { intervalMs, leaseMs, killMs, voteMs, unhealthyMs } = policy;
  if (![intervalMs, leaseMs, killMs, voteMs, unhealthyMs].every((ms) => Number.isInteger(ms) && ms > 0)) {
    return ["interval, lease, kill, vote and unhealthy times must be whole milliseconds above zero"];
  }
  if (intervalMs < INTERVAL_MIN_MS) {
    problems.push(`heartbeat interval ${intervalMs} ms is below the least, ${INTERVAL_MIN_MS} ms`);
  }
  if (leaseMs > LEASE_MAX_MS) problems.push(`lease ${leaseMs} ms is above the most, ${LEASE_MAX_MS} ms`);
  if (leaseMs < HEARTBEATS_PER_LEASE_MIN * intervalMs) {
    problems.push(
      `lease ${leaseMs} ms is below ${HEARTBEATS_PER_LEASE_MIN} heartbeats ` +
        `(${HEARTBEATS_PER_LEASE_MIN} × ${intervalMs} ms = ${HEARTBEATS_PER_LEASE_MIN * intervalMs} ms)`,
    );
  }
  if (killMs < KILL_MIN_MS) problems.push(`kill time ${killMs} ms is below the least, ${KILL_MIN_MS} ms`);
  if (killMs > leaseMs) problems.push(`kill time ${killMs} ms is above the lease, ${leaseMs} ms`);
  if (voteMs < 2 * intervalMs) {
    problems.push(`votes of ${voteMs} ms are over before they can be asked twice (2 × ${intervalMs} ms)`);
  }
  // Of W only what lease and kill make of it: the unhealthy time is the coordinator's own, and agents, who check this as well,
  // are not told of it.
  const votesOverMs = Math.ceil(stretched(voteMs + killMs));
  const leaseOverMs = Math.ceil(stretched(leaseMs + killMs));
  if (votesOverMs > leaseOverMs) {
    problems.push(
      `votes outlive the wait: (v + K)(1 + ρ)/(1 − ρ) = (${voteMs} + ${killMs}) × ` +
        `${(stretched(1_000) / 1_000).toFixed(3)} = ${votesOverMs} ms is above (L + K)(1 + ρ)/(1 − ρ) = ${leaseOverMs} ms`,
    );
  }
  if (unhealthyMs < UNHEALTHY_HEARTBEATS_MIN * intervalMs) {
    problems.push(
      `unhealthy after ${unhealthyMs} ms is below ${UNHEALTHY_HEARTBEATS_MIN} heartbeats ` +
        `(${UNHEALTHY_HEARTBEATS_MIN} × ${intervalMs} ms = ${UNHEALTHY_HEARTBEATS_MIN * intervalMs} ms): a healthy node would be shown so`,
    );
  }
  if (unhealthyMs > LEASE_MAX_MS) {
    problems.push(`unhealthy after ${unhealthyMs} ms is above the most, ${LEASE_MAX_MS} ms`);
  }
  return problems;
}
