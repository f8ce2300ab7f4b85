import type { Membership, LeasePolicy as WirePolicy } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { completePolicy, type LeasePolicy, policyProblems } from "@lormas/lease/lease-policy.ts";
import type { MembershipEpoch } from "@lormas/lease/membership.ts";

/** The group as the lease core takes it, or what is wrong with it. */
export function membershipFrom(wire: Membership | undefined): MembershipEpoch | string {
  if (!wire) return "the coordinator gave no voting group";
  const policy = policyFrom(wire.policy);
  if (typeof policy === "string") return policy;
  const voters = wire.voters.map(({ nodeId, nodeName, peerAddress }) => ({ nodeId, nodeName, peerAddress }));
  return { epoch: Number(wire.epoch), voters, policy };
}

function policyFrom(wire: WirePolicy | undefined): LeasePolicy | string {
  if (!wire) return "the coordinator gave no lease policy";
  const { profile, intervalMs, leaseMs, killMs, voteMs, survival, unfenced } = wire;
  const policy = completePolicy({
    profile,
    intervalMs,
    leaseMs,
    killMs,
    ...(voteMs > 0 ? { voteMs } : {}),
    survival,
    selfFencing: !unfenced,
  });
  const problems = policyProblems(policy);
  return problems.length > 0 ? `the coordinator's lease policy is unsafe: ${problems.join("; ")}` : policy;
}
