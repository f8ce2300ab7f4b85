import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FailoverBoundSchema, HeartbeatPolicySchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  CLOCK_RATE_ERROR_MAX,
  DECISION_BUDGET_MS,
  failoverBound,
  type LeasePolicy,
  waitMs,
} from "@lormas/lease/lease-policy.ts";
import { VOTERS_MIN } from "@lormas/lease/membership.ts";

/** What a bound depends on. `group` is the present epoch of the voting group, or null where there is none yet. */
export type BoundOf = {
  readonly group: { readonly policy: LeasePolicy; readonly voterCount: number } | null;
  readonly autoMigrate: boolean;
  readonly startBudgetMs: number;
};

/** How long a container can be without service after its node dies, term by term; or why nothing takes it over. */
export function failoverBoundView({
  group,
  autoMigrate,
  startBudgetMs,
}: BoundOf): MessageInitShape<typeof FailoverBoundSchema> {
  if (!group) return none("no failover: no node has joined the cluster yet");
  const { policy, voterCount } = group;
  if (!policy.selfFencing) return none("no failover, no self-fencing: one node; a second one makes both begin");
  if (voterCount < VOTERS_MIN)
    return none("no failover yet: one node cannot prove another's death; it begins once two vote");
  if (!autoMigrate) return none("no failover by itself: automatic migration is off for this cluster");
  const { totalMs, terms } = failoverBound(policy, startBudgetMs);
  const parts = terms.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(" + ");
  return {
    totalMs,
    terms: terms.map(({ name, ms }) => ({ name, ms, explanation: explanation(name, policy) })),
    summary: `at most ${seconds(totalMs)} s without service after a node dies = ${parts}`,
  };
}

const none = (summary: string) => ({ totalMs: 0, terms: [], summary });

/** Tenths, rounded up: a bound is never shown shorter than it is. */
const seconds = (ms: number): string => (Math.ceil(ms / 100) / 10).toFixed(1);

function explanation(term: string, policy: LeasePolicy): string {
  switch (term) {
    case "wait":
      return (
        `W: until nothing of the dead node can run any more; (L + K)(1 + ρ)/(1 − ρ) with lease L = ${policy.leaseMs} ms, ` +
        `kill K = ${policy.killMs} ms and clock rate error ρ = ${CLOCK_RATE_ERROR_MAX * 100} %` +
        (waitMs(policy) === policy.unhealthyMs ? `; and at least the ${policy.unhealthyMs} ms of the profile` : "")
      );
    case "heartbeat":
      return "the node may die right before its next heartbeat is due";
    case "decision":
      return "choosing a node and storing that, at most";
    case "start":
      return "the egg's start budget on the other node";
    default:
      return "";
  }
}

/** A policy as the API shows it. */
export function heartbeatPolicyView(policy: LeasePolicy): MessageInitShape<typeof HeartbeatPolicySchema> {
  return {
    profile: policy.profile,
    intervalMs: policy.intervalMs,
    leaseMs: policy.leaseMs,
    killMs: policy.killMs,
    waitMs: waitMs({ ...policy, selfFencing: true }),
    decisionBudgetMs: DECISION_BUDGET_MS,
    voteMs: policy.voteMs,
    unhealthyMs: policy.unhealthyMs,
    survival: policy.survival,
  };
}
