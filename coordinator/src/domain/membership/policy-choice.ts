import {
  CLOCK_RATE_ERROR_MAX,
  completePolicy,
  failoverBound,
  LEASE_PROFILES,
  type LeasePolicy,
  policyProblems,
  waitMs,
} from "@lormas/lease/lease-policy.ts";
import { Refusal } from "../refusal.ts";

type Wish = {
  readonly profile: string;
  readonly intervalMs?: number;
  readonly leaseMs?: number;
  readonly killMs?: number;
  readonly voteMs?: number;
  readonly unhealthyMs?: number;
};

/**
 * The policy that somebody chose: a shipped profile, or "custom" figures over the present ones. Refusals: invalid_argument
 * (no such profile, figures for a shipped one), unsafe_policy with the whole arithmetic.
 */
export function chosenPolicy(wish: Wish, present: LeasePolicy): LeasePolicy {
  const { profile, ...figures } = wish;
  const { voteMs, unhealthyMs } = figures;
  const { survival } = present;
  const shipped = Object.hasOwn(LEASE_PROFILES, profile)
    ? LEASE_PROFILES[profile as keyof typeof LEASE_PROFILES]
    : null;
  if (shipped) {
    if (Object.keys(figures).length > 0) {
      throw new Refusal(
        "invalid_argument",
        `profile ${profile} has its figures; other ones make it custom`,
        "leave them out, or choose the profile custom",
        { field: "policy.profile" },
      );
    }
    return { ...shipped, survival };
  }
  if (profile !== "custom") {
    throw new Refusal(
      "invalid_argument",
      `there is no profile ${profile}`,
      `choose one of ${Object.keys(LEASE_PROFILES).join(", ")} or custom`,
      { field: "policy.profile" },
    );
  }
  const { intervalMs, leaseMs, killMs } = { ...present, ...figures };
  // v and the unhealthy time follow from the others, unless they are given: what was given once would not fit other figures.
  const given = { ...(voteMs === undefined ? {} : { voteMs }), ...(unhealthyMs === undefined ? {} : { unhealthyMs }) };
  const policy = completePolicy({ profile, intervalMs, leaseMs, killMs, ...given, survival });
  const problems = policyProblems(policy);
  if (problems.length > 0) {
    throw new Refusal(
      "unsafe_policy",
      `${problems.join("; ")}. ${policyArithmetic(policy)}`,
      "choose figures within these bounds, or one of the profiles",
      { field: "policy" },
    );
  }
  return policy;
}

/** What follows from the figures, as one line of arithmetic. */
export function policyArithmetic(policy: LeasePolicy): string {
  const { intervalMs, leaseMs, killMs } = policy;
  const bound = failoverBound(policy, 1_000).totalMs;
  return (
    `With interval ${intervalMs} ms, lease L = ${leaseMs} ms, kill K = ${killMs} ms and clock rate error ρ = ` +
    `${CLOCK_RATE_ERROR_MAX * 100} %: W = max((L + K)(1 + ρ)/(1 − ρ), unhealthy) = ` +
    `${waitMs(policy)} ms, ` +
    `v = ${policy.voteMs} ms, unhealthy after ${policy.unhealthyMs} ms, ` +
    `bound = W + interval + 300 ms + start 1000 ms = ${bound} ms`
  );
}
